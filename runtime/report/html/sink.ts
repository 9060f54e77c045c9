/** `report.html`: the training in figures. */
import path from 'node:path'
import { replaceFile } from '../../../src/files.js'
import type { OpenSink } from '../sink.js'
import { reportPage } from './page.js'

export const html: OpenSink = ({ directory, facts }) => ({
  flush(history) {
    const page = new TextEncoder().encode(reportPage(history, facts))
    replaceFile(path.join(directory, 'report.html'), (sink) => sink.write(page))
  },
})
