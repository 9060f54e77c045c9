/** Names of the backends of sessions, for those who only need to know them. */
export const BACKENDS = ['auto', 'native', 'node'] as const
/** A backend by name; `auto` takes `native` where it can be had. */
export type BackendName = (typeof BACKENDS)[number]
