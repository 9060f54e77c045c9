/** How both sides train. AdamW has PyTorch's defaults, and decays matrices only. */

export const LEARNING_RATE = 1e-5
/** Bound of the gradients' global norm. */
export const CLIP_NORM = 1
