/**
 * `docs/images/flow.svg`: how a certificate gets from cluster.yaml to an agent, and how it is seen there.
 *
 * @module
 */

const escape = (text: string): string =>
  text.replace(/[&<>"]/g, (letter) => `&#${String(letter.codePointAt(0))};`)

const text = (x: number, y: number, words: string, kind = 'label'): string =>
  `<text x="${x}" y="${y}" class="${kind}">${escape(words)}</text>`

const box = (x: number, y: number, width: number, height: number, kind = 'box'): string =>
  `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="6" class="${kind}"/>`

const arrow = (path: string, kind = 'arrow'): string =>
  `<path d="${path}" class="${kind}" marker-end="url(#head)"/>`

/** A padlock, its lower left corner at a point. */
const lock = (x: number, y: number): string =>
  `<path d="M${x + 3} ${y - 10}v-4a5 5 0 0 1 10 0v4" class="shackle"/><rect x="${x}" y="${y - 10}" width="16" height="11" rx="2" class="lock"/>`

/** The picture as SVG. */
export function flow(): string {
  const parts = [
    box(10, 10, 400, 250, 'host'),
    text(26, 34, 'the host of the store', 'title'),
    box(30, 60, 120, 50),
    text(46, 90, 'cluster.yaml'),
    arrow('M150 85H235'),
    text(158, 77, 'plan, apply', 'small'),
    box(240, 50, 150, 120),
    text(256, 74, 'pki/ (the store)'),
    text(256, 98, 'ca.pem', 'mono'),
    text(256, 120, 'ca-key.pem', 'mono'),
    lock(345, 121),
    text(256, 142, 'identity/…', 'mono'),
    text(256, 162, 'ledger.jsonl', 'mono'),
    text(30, 200, 'verify checks all of it, and tries real handshakes,', 'small'),
    text(30, 218, 'before any agent uses the files.', 'small'),
    text(30, 242, 'The authority’s key never leaves this host.', 'small'),
    arrow('M390 100H505'),
    text(415, 76, 's1.tar.gz', 'mono'),
    text(415, 92, 'pack', 'small'),
    box(510, 10, 280, 250, 'host'),
    text(526, 34, 'a node', 'title'),
    box(530, 60, 240, 62),
    text(546, 84, 'current → 2-9f2c41ab', 'mono'),
    text(546, 106, 'ca.pem cert.pem key.pem', 'mono'),
    text(530, 144, 'install.sh: checks, one rename, reload', 'small'),
    arrow('M650 150V188'),
    box(530, 192, 240, 46),
    text(546, 220, 'the Nomad agent'),
    arrow('M530 215H460V290H370V175', 'arrow seen'),
    text(380, 284, 'probe: seen loaded', 'small'),
  ]
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 300" role="img" aria-labelledby="name">
<title id="name">cluster.yaml is applied to the store; an archive goes to the node, where the agent loads it; probe asks the agent what it has loaded</title>
<style>
text{font-family:system-ui,sans-serif;fill:#1f2328}.title{font-size:15px;font-weight:600}.label{font-size:14px}.small{font-size:12px;fill:#59636e}.mono{font-family:ui-monospace,monospace;font-size:12px}
.host{fill:#f6f8fa;stroke:#d1d9e0}.box{fill:#fff;stroke:#59636e}.arrow{fill:none;stroke:#0969da;stroke-width:1.5}.seen{stroke-dasharray:5 4}.shackle{fill:none;stroke:#9a6700;stroke-width:2}.lock{fill:#9a6700}
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.small{fill:#9198a1}.host{fill:#151b23;stroke:#3d444d}.box{fill:#0d1117;stroke:#9198a1}.arrow{stroke:#4493f8}}
</style>
<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8z" fill="#0969da"/></marker></defs>
${parts.join('\n')}
</svg>
`
}
