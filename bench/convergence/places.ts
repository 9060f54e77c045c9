/** Where everything lies in a directory of results. */
import path from 'node:path'

export class Places {
  constructor(readonly directory: string) {}

  /** Models and checkpoints: large, and made again from the settings. */
  get models(): string {
    return path.join(this.directory, 'models')
  }

  get initial(): string {
    return path.join(this.models, 'initial.onnx')
  }

  /** What is pretrained. */
  get initialCompiled(): string {
    return path.join(this.models, 'initial.dropbp')
  }

  get checkpoints(): string {
    return path.join(this.models, 'checkpoints')
  }

  get pretrained(): string {
    return path.join(this.models, 'pretrained.onnx')
  }

  /** What is fine-tuned. */
  get pretrainedCompiled(): string {
    return path.join(this.models, 'pretrained.dropbp')
  }

  get pretraining(): string {
    return path.join(this.directory, 'pretraining.jsonl')
  }

  run(name: string): string {
    return path.join(this.directory, 'runs', `${name}.jsonl`)
  }

  sweep(learningRate: number): string {
    return path.join(this.directory, 'sweep', `${learningRate}.jsonl`)
  }

  get timing(): string {
    return path.join(this.directory, 'timing.json')
  }

  get results(): string {
    return path.join(this.directory, 'results.json')
  }

  get table(): string {
    return path.join(this.directory, 'results.md')
  }

  /** Without its ending. */
  get picture(): string {
    return path.join(this.directory, 'convergence')
  }
}
