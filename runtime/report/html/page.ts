/** The report as one HTML page that needs nothing beside it. */
import { percent } from '../../../src/format.js'
import type { History, RunFacts } from '../history.js'
import { FIGURES } from './figures.js'
import { STYLE } from './style.js'
import { escape } from './svg.js'

/** The page of a training as far as it has gone. */
export function reportPage(history: History, facts: RunFacts): string {
  const done = history.steps.at(-1)?.step ?? 0
  const state =
    done < facts.steps
      ? `step ${done.toLocaleString('en')} of ${facts.steps.toLocaleString('en')}`
      : `${facts.steps.toLocaleString('en')} steps`
  const weights = `${facts.trainable.toLocaleString('en')} trainable weights, ${facts.sites.length} branches`
  const figures = FIGURES.map((draw) => draw(history, facts))
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(facts.model)}: training report</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<header><h1>${escape(facts.model)}</h1><p>${escape(`${state}; ${weights}; ${facts.data}`)}</p></header>
<div class="tiles">${tiles(history).join('')}</div>
<div class="figures">
${figures.filter(Boolean).join('\n')}
</div>
${settings(facts)}
</main>
</body>
</html>
`
}

function tiles(history: History): string[] {
  const { evaluations, best, totals } = history
  const { seconds, tokens, skipped, memory, backwardSkipped } = totals
  const last = evaluations.at(-1)
  const given: [string, string | undefined][] = [
    ['validation loss', last?.loss.toFixed(4)],
    ['perplexity', last?.perplexity?.toFixed(2)],
    ['accuracy', last?.accuracy === undefined ? undefined : percent(last.accuracy)],
    [`best, at step ${best?.step.toLocaleString('en')}`, best?.loss.toFixed(4)],
    ['backward FLOPs saved', percent(backwardSkipped)],
    ['training time', duration(seconds)],
    ['tokens per second', seconds > 0 ? Math.round(tokens / seconds).toLocaleString('en') : undefined],
    ['peak memory', memory > 0 ? `${Math.round(memory / 2 ** 20).toLocaleString('en')} MiB` : undefined],
    ['steps skipped, not finite', skipped > 0 ? String(skipped) : undefined],
  ]
  return given.flatMap(([name, value]) =>
    value === undefined
      ? []
      : [`<div class="tile"><b>${escape(value)}</b><span>${escape(name)}</span></div>`],
  )
}

function settings({ settings: given, optimizer, runtime }: RunFacts): string {
  const entries = Object.entries({ optimizer, runtime, ...given }).filter(([, value]) => value !== undefined)
  const rows = entries.map(([name, value]) => {
    const shown = Array.isArray(value) ? value.join(', ') : String(value)
    return `<tr><td>${escape(name)}</td><td>${escape(shown)}</td></tr>`
  })
  return `<details><summary>Settings</summary><table>${rows.join('')}</table></details>`
}

/** `2 h 05 min`, `3 min 20 s`, `12 s` */
function duration(seconds: number): string {
  const s = Math.round(seconds)
  if (s < 60) return `${s} s`
  const pad = (n: number): string => String(n).padStart(2, '0')
  return s < 3600
    ? `${Math.floor(s / 60)} min ${pad(s % 60)} s`
    : `${Math.floor(s / 3600)} h ${pad(Math.floor(s / 60) % 60)} min`
}
