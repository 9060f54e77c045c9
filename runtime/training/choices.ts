/** The words that options of a training take; apart from what they choose, so that a command line can list them at once. */

/** How masks are drawn over the micro-batches of a step. */
export const MASK_PER = ['micro-batch', 'step'] as const
export type MaskPer = (typeof MASK_PER)[number]

/** What is decayed: matrices and larger, so neither biases nor the weights of norms; or everything. */
export const DECAYED = ['matrices', 'all'] as const
export type Decayed = (typeof DECAYED)[number]
