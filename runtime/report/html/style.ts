/** The style sheet of the report: no file beside it, light and dark. */
export const STYLE = `
:root { color-scheme: light dark; --paper: #fbfaf7; --card: #ffffff; --ink: #1c2430; --faint: #69727f; --rule: #e6e3dc;
  --blue: #2f6fb2; --orange: #d9722b; --green: #2b8a63; --violet: #7a5bb8; --heat: #b5462f; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171c; --card: #1b2027; --ink: #e7e9ee; --faint: #98a2b1;
  --rule: #2c333d; --blue: #6aa9e8; --orange: #f0954f; --green: #5cc596; --violet: #ac91e6; --heat: #f07a5c; } }
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; }
main { max-width: 1560px; margin: 0 auto; padding: 36px 28px 60px; }
header h1 { font-size: 27px; line-height: 1.2; letter-spacing: -.015em; margin: 0 0 4px; font-weight: 650; overflow-wrap: anywhere }
header p { margin: 0; color: var(--faint) }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(138px, 1fr)); gap: 12px; margin: 24px 0 }
.tile { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 12px 16px }
.tile b { display: block; font-size: 24px; font-weight: 640; letter-spacing: -.01em; font-variant-numeric: tabular-nums }
.tile span { color: var(--faint); font-size: 13px }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 560px), 1fr)); gap: 16px; align-items: start }
figure { margin: 0; background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 16px 18px 10px }
figcaption h2 { font-size: 16px; margin: 0; font-weight: 620 }
figcaption p { margin: 1px 0 6px; color: var(--faint); font-size: 13px }
.legend { display: flex; gap: 2px 18px; flex-wrap: wrap; font-size: 13px; color: var(--faint); margin: 2px 0 4px }
.key i { display: inline-block; width: 16px; height: 3px; border-radius: 2px; vertical-align: middle; margin-right: 7px; background: currentColor }
svg { display: block; width: 100%; height: auto; overflow: visible }
@media (max-width: 620px) { main { padding: 24px 14px 40px } figure { overflow-x: auto } svg { min-width: 560px } }
svg text { fill: var(--faint); font-size: 11.5px; font-variant-numeric: tabular-nums }
.grid { stroke: var(--rule); stroke-width: 1 }
.target { stroke: var(--faint); stroke-dasharray: 3 4 }
.target-name { font-style: italic; fill: var(--ink); stroke: var(--card); stroke-width: 4; stroke-linejoin: round; paint-order: stroke }
.line { fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round }
.raw { fill: none; stroke: currentColor; stroke-width: 1; stroke-opacity: .35 }
.band { fill: currentColor; fill-opacity: .16 }
.dot { fill: var(--card); stroke: currentColor; stroke-width: 2 }
.blue { color: var(--blue) } .orange { color: var(--orange) } .green { color: var(--green) } .violet { color: var(--violet) }
.cell { fill: var(--heat) }
.cell:hover { stroke: var(--ink); stroke-width: 1 }
.empty { color: var(--faint); font-style: italic; margin: 16px 0 }
details { margin-top: 20px; background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 12px 18px }
summary { cursor: pointer; font-weight: 620 }
table { border-collapse: collapse; margin: 10px 0 4px; font-size: 13.5px }
td { padding: 3px 24px 3px 0; vertical-align: top; overflow-wrap: anywhere } td:first-child { color: var(--faint); white-space: nowrap }
`
