/** How a learning rate falls after the warm-up. A new shape is a line here. */

/** The share of the highest rate that is left, by the share of the fall that is done: 1 at 0. */
type Shape = (progress: number) => number

export const SHAPES = {
  constant: () => 1,
  linear: (progress) => 1 - progress,
  cosine: (progress) => (1 + Math.cos(Math.PI * progress)) / 2,
} satisfies Record<string, Shape>

/** The shapes' names. */
export type ScheduleKind = keyof typeof SHAPES

export const SCHEDULES = Object.keys(SHAPES) as ScheduleKind[]
