/** What every command of the package does alike. */
import fs from 'node:fs'

/** The package's version. */
export function version(): string {
  const up = import.meta.url.includes('/dist/') ? '../../../' : '../../'
  const file = new URL(`${up}package.json`, import.meta.url)
  return (JSON.parse(fs.readFileSync(file, 'utf8')) as { version: string }).version
}

/** Whether the module at `url` is the program that was started, through a link or not. */
export function isProgram(url: string): boolean {
  const started = process.argv[1]
  return (
    started !== undefined &&
    fs.existsSync(started) &&
    fs.realpathSync(started) === fs.realpathSync(new URL(url).pathname)
  )
}
