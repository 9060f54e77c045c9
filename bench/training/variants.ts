/** Who takes part: this project and PyTorch, each in several ways. */

/** A way to train the same model. */
export interface Variant {
  readonly name: string
  readonly side: 'dropbp' | 'torch'
  readonly about: string
  /** Flags of torch_side.py. */
  readonly flags: readonly string[]
  /** Relative difference of its losses from the base's; more would mean that it computes something else. */
  readonly tolerance: number
  /** Compiles for shapes and masks, which is done before it is timed. */
  readonly compiles: boolean
  readonly environment: Readonly<Record<string, string>>
}

const LOSS_TOLERANCE = 1e-3
const BF16_TOLERANCE = 3e-2

type Described = Pick<Variant, 'side' | 'about'> & Partial<Variant>

const VARIANTS: Readonly<Record<string, Described>> = {
  dropbp: { side: 'dropbp', about: 'this project, on stock ONNX Runtime' },
  kernels: { side: 'dropbp', about: 'the same, compiled with --kernels, with the kernel library' },
  sdpa: { side: 'torch', about: "PyTorch eager, SDPA; a dropped branch's output is detached" },
  eager: {
    side: 'torch',
    about: "the same with transformers' eager attention",
    flags: ['--attention', 'eager'],
  },
  'no-grad': {
    side: 'torch',
    about: 'SDPA; dropped branches run under no_grad',
    flags: ['--drop', 'no-grad'],
  },
  compile: {
    side: 'torch',
    about: 'SDPA; torch.compile of each block and of the loss, masks within',
    flags: ['--compile'],
    compiles: true,
  },
  bf16: { side: 'torch', about: 'SDPA under bf16 autocast', flags: ['--bf16'], tolerance: BF16_TOLERANCE },
}

/** Behind a variant's name: has glibc keep what is freed, where every large tensor is otherwise mapped and faulted in anew. */
const KEEPING = '+malloc'
const KEEPING_MEMORY = {
  MALLOC_MMAP_THRESHOLD_: String(4 * 2 ** 30),
  MALLOC_TRIM_THRESHOLD_: String(16 * 2 ** 30),
}

/** All that the whole matrix compares; the first is what each of the others is paired with. */
export const ALL_VARIANTS = [
  'dropbp',
  'kernels',
  'sdpa',
  'sdpa+malloc',
  'eager',
  'no-grad',
  'compile',
  'compile+malloc',
  'bf16',
] as const

/** What is compared unless more is asked for. */
export const FEW_VARIANTS = ['dropbp', 'sdpa', 'sdpa+malloc'] as const

/**
 * The variant of a name, such as `sdpa` or `sdpa+malloc`.
 * @throws Error where there is none
 */
export function variantOf(name: string): Variant {
  const keeps = name.endsWith(KEEPING)
  const described = VARIANTS[keeps ? name.slice(0, -KEEPING.length) : name]
  if (!described) {
    const known = Object.keys(VARIANTS).join(', ')
    throw new Error(`there is no variant "${name}"; there are ${known}, each also with ${KEEPING} behind it`)
  }
  return {
    flags: [],
    tolerance: LOSS_TOLERANCE,
    compiles: false,
    ...described,
    name,
    about: keeps ? `${described.about}; glibc keeps freed memory` : described.about,
    environment: keeps ? KEEPING_MEMORY : {},
  }
}
