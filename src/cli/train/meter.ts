/** Running means of a training, in words. */
import type { StepResult } from '../../../runtime/index.js'
import { percent } from '../../format.js'

/** Running means for the display. */
export class Meter {
  private loss: number | undefined
  private drop = 0
  private saved = 0
  private milliseconds = 0
  private tokens = 0
  private steps = 0

  add(step: StepResult): void {
    if (Number.isFinite(step.loss))
      this.loss = this.loss === undefined ? step.loss : 0.9 * this.loss + 0.1 * step.loss
    this.steps++
    this.drop += step.dropRate
    this.saved += step.backwardSkipped
    this.milliseconds += step.milliseconds
    this.tokens += step.tokens
  }

  show(stepsLeft: number): { loss: string; speed: string; drop: string; saved: string; left: string } {
    return {
      loss: this.loss?.toFixed(4) ?? '–',
      speed: Math.round((this.tokens / this.milliseconds) * 1000).toLocaleString('en'),
      drop: percent(this.drop / this.steps),
      saved: percent(this.saved / this.steps),
      left: duration((stepsLeft * this.milliseconds) / this.steps / 1000),
    }
  }
}

/** `4:05`, `1:04:05` */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds))
  const parts = [Math.floor(s / 3600), Math.floor(s / 60) % 60, s % 60]
  return (parts[0]! > 0 ? parts : parts.slice(1))
    .map((n, i) => (i === 0 ? String(n) : String(n).padStart(2, '0')))
    .join(':')
}
