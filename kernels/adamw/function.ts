/** The signature of AdamW's step, a function of the optimizer's graph; its body is made of the rule in passes/optimizers. */
export const ADAMW = {
  name: 'AdamW_f32_v1',
  /** Operands, of which the first four have one shape; the gradient g may be empty instead, which leaves all as it is. */
  tensors: ['p', 'g', 'm', 'v', 'step'],
  /** Further operands: vectors of an element a parameter where those may differ, else scalars. */
  hyperparameters: ['learning_rate', 'beta1', 'beta2', 'epsilon', 'weight_decay', 'gradient_scale'],
  /** Results: the next p, m, v, step. */
  outputs: 4,
  /** The parameter's element of the vectors. */
  attributes: { index: 'int' },
} as const
