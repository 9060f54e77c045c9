/** The options of `dropbp-train`, in the groups that `--help` shows. */
import { data } from './data.js'
import { dropbp } from './dropbp.js'
import { optimisation } from './optimisation.js'
import { type Option, type OptionTable, type Values } from './option.js'
import { output } from './output.js'
import { running } from './running.js'

/** Groups in the order of `--help`. */
export const GROUPS = {
  Data: data,
  Optimisation: optimisation,
  DropBP: dropbp,
  Running: running,
  Output: output,
} as const satisfies Record<string, OptionTable>

const table = { ...data, ...optimisation, ...dropbp, ...running, ...output } as const

/** All options. */
export const OPTIONS: Readonly<Record<OptionName, Option>> = table

/** An option's name as TypeScript and the settings spell it. */
export type OptionName = keyof typeof table

/** The value of every option that is given or has a default. */
export type TrainSettings = Values<typeof table>
