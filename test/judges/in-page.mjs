/* global document, getComputedStyle, NodeFilter, SVGElement */
/* eslint no-unused-vars: off -- chromium.ts puts this text into a page, whose tests call the functions. */

/** Text that a person cannot read in the page as it stands: too pale, or beyond its place. */
function unreadable() {
  const channel = (value) => {
    const part = value / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  }
  const luminance = (color) => {
    const [red, green, blue] = color.match(/[\d.]+/g).map(Number)
    return 0.2126 * channel(red) + 0.7152 * channel(green) + 0.0722 * channel(blue)
  }
  const groundOf = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const { backgroundColor } = getComputedStyle(at)
      if (!/, 0\)$|^transparent$/.test(backgroundColor)) return backgroundColor
    }
    return 'rgb(255, 255, 255)'
  }
  const faults = []
  const root = document.documentElement
  if (root.scrollWidth > root.clientWidth) {
    faults.push(`the page is ${root.scrollWidth} wide in a window of ${root.clientWidth}`)
  }
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const text = node.textContent.trim()
    const element = node.parentElement
    if (text === '' || ['SCRIPT', 'STYLE', 'title'].includes(element.tagName)) continue
    if (!element.checkVisibility()) continue
    const style = getComputedStyle(element)
    const drawn = element instanceof SVGElement
    const [one, two] = [luminance(drawn ? style.fill : style.color), luminance(groundOf(element))]
    const contrast = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05)
    if (contrast < 4.5) faults.push(`${text.slice(0, 40)}: contrast ${contrast.toFixed(2)}`)
    const range = document.createRange()
    range.selectNodeContents(node)
    const { right, left } = range.getBoundingClientRect()
    if (left < -1 || right > root.clientWidth + 1) {
      faults.push(`${text.slice(0, 40)}: from ${left} to ${right}`)
    }
    const cell = element.closest('td, th')
    if (cell !== null && right > cell.getBoundingClientRect().right + 1) {
      faults.push(`${text}: beyond its cell`)
    }
  }
  for (const row of document.querySelectorAll('svg g')) {
    if (!row.checkVisibility()) continue
    const label = row.querySelector('text').getBBox()
    const bar = row.querySelector('rect').getBBox()
    if (label.x + label.width > bar.x && label.y + label.height > bar.y + 2) {
      faults.push(`${row.querySelector('text').textContent}: over its bar`)
    }
  }
  for (const box of document.querySelectorAll('svg .box')) {
    if (!box.checkVisibility()) continue
    const { x, width, y, height } = box.getBBox()
    for (let at = box.nextElementSibling; at?.tagName === 'text'; at = at.nextElementSibling) {
      const text = at.getBBox()
      if (text.x + text.width > x + width || text.y + text.height > y + height + 1) {
        faults.push(`${at.textContent}: beyond its box`)
      }
    }
  }
  for (const one of document.querySelectorAll('body *')) {
    if (one.checkVisibility() && one.scrollWidth > one.clientWidth + 1 && one.matches('.scroll')) {
      faults.push(`${one.getAttribute('aria-label')}: scrolls sideways`)
    }
  }
  return faults
}

/** Everything that can be operated and is to be seen, as {@link focused} names it. */
function operable() {
  return [...document.querySelectorAll('a[href], button, input, [tabindex="0"]')]
    .filter((one) => one.checkVisibility())
    .map(called)
}

function called(element) {
  return `${element.tagName} ${element.id || element.getAttribute('aria-label') || `${element.closest('table')?.className} ${element.textContent.trim()}`}`
}

/** What has the focus, or why that is not to be seen; nothing where the page has it. */
function focused() {
  const element = document.activeElement
  if (element === null || element === document.body) return undefined
  const { outlineStyle, outlineWidth } = getComputedStyle(element)
  const { width, height } = element.getBoundingClientRect()
  const seen = outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2 && width > 0 && height > 0
  return `${called(element)}${seen ? '' : ': its focus is not to be seen'}`
}

function verdict() {
  return document.querySelector('.verdict').textContent.trim()
}

/** All that the page says, by element. */
function words() {
  return document.querySelector('main').textContent.replace(/\s+/g, ' ')
}

function shown(selector) {
  return getComputedStyle(document.querySelector(selector)).display
}

const certificates = '#agents ~ .scroll'

/** The names of the rows of certificates that are to be seen. */
function rows() {
  return [...document.querySelectorAll(`${certificates} tbody tr`)]
    .filter((row) => row.checkVisibility())
    .map((row) => row.querySelector('th').textContent.split('/').at(-1).trim())
}

/** Presses the first heading. */
function press() {
  const head = document.querySelector(`${certificates} thead th`)
  head.querySelector('button').click()
  return head.getAttribute('aria-sort')
}

function focusFilter() {
  document.getElementById('filter').focus()
}

/** Milliseconds from the start of the navigation until the document was complete. */
function loaded() {
  return performance.getEntriesByType('navigation')[0].domComplete
}
