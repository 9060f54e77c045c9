/** Whether this machine has what the native session needs; tests of it are skipped, with the reason, where not. */
import { chooseBackend } from '../../../runtime/index.js'

const backend = chooseBackend({ backend: 'auto' })

export const available = backend.name === 'native'
if (!available) console.warn(`the native session is not tested: ${backend.why}`)
