/** Pieces of SVG and HTML, as text. */

/** Text made safe between tags and in attributes. */
export function escape(text: string): string {
  return text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]!)
}

type Attributes = Readonly<Record<string, string | number>>

/** An element; numbers are rounded to a hundredth. */
export function tag(name: string, attributes: Attributes, content = ''): string {
  const list = Object.entries(attributes).map(([key, value]) => {
    const shown = typeof value === 'number' ? String(Math.round(value * 100) / 100) : escape(value)
    return ` ${key}="${shown}"`
  })
  return `<${name}${list.join('')}>${content}</${name}>`
}

/** A text of the figure. */
export function label(x: number, y: number, text: string, attributes: Attributes = {}): string {
  return tag('text', { x, y, ...attributes }, escape(text))
}

/** A figure with a heading, and a caption that says how to read it. */
export function figure(title: string, caption: string, body: string, legend = ''): string {
  return `<figure><figcaption><h2>${escape(title)}</h2><p>${escape(caption)}</p>${legend}</figcaption>${body}</figure>`
}

/** What colours stand for. */
export function legendOf(entries: readonly (readonly [colour: string, text: string])[]): string {
  const items = entries.map(
    ([colour, text]) => `<span class="key"><i class="${colour}"></i>${escape(text)}</span>`,
  )
  return `<div class="legend">${items.join('')}</div>`
}
