/**
 * How the page looks, and the little that it does: one filter for all tables, and rows in the order of any column. Colours have a contrast of 4.5 or
 * more on their ground, in both schemes, and none is the only sign of anything (WCAG 2.2, 1.4.1 and 1.4.3).
 *
 * @module
 */

import { narrow, stackedStyle } from './page-table.js'

/** The style sheet. */
export const pageStyle: string = `
:root{color-scheme:light dark;--ground:#fff;--ink:#1b1f24;--faint:#57606a;--line:#d0d7de;--panel:#f6f8fa;--good:#116329;--doubt:#7d4e00;--bad:#a40e26;--bar:#8ba3bd;--now:#a40e26}
@media (prefers-color-scheme:dark){:root{--ground:#0d1117;--ink:#e6edf3;--faint:#9da7b1;--line:#30363d;--panel:#161b22;--good:#56d364;--doubt:#e3b341;--bad:#ff8e86;--bar:#4f6b88;--now:#ff8e86}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main,header,footer{max-width:82rem;margin:0 auto;padding:1rem}header{padding-bottom:0}main{padding-top:0}
h1{font-size:1.1rem;margin:0;color:var(--faint);font-weight:600}
h2{font-size:1.15rem;margin:2rem 0 .5rem}
.option{white-space:nowrap}.verdict{font-size:1.5rem;font-weight:600;margin:.25rem 0}
.good{color:var(--good)}.doubt{color:var(--doubt)}.bad{color:var(--bad)}.faint{color:var(--faint)}
.scroll{overflow-x:auto;border:1px solid var(--line);border-radius:6px}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.35rem .6rem;border-top:1px solid var(--line);vertical-align:top}
thead th{border-top:0;background:var(--panel);white-space:nowrap}
td.when,td.number{white-space:nowrap;font-variant-numeric:tabular-nums}
th[scope=row]{font-weight:500;overflow-wrap:anywhere;min-width:16rem}
code{font:.9em ui-monospace,monospace;overflow-wrap:anywhere}
ul{padding-left:1.2rem}li{margin:.3rem 0}
h1,p,li{overflow-wrap:anywhere}
svg{display:block;width:100%;height:auto}svg.narrow{display:none;max-width:32rem}
svg text{fill:var(--ink);font:13px system-ui,sans-serif}svg .faint{fill:var(--faint)}
svg .bar{fill:var(--bar)}svg .bar.doubt{fill:var(--doubt)}svg .bar.bad{fill:var(--bad)}
svg .now{stroke:var(--now);stroke-width:2}svg .tick{stroke:var(--line)}svg .due{fill:var(--ink)}
svg .link{fill:none;stroke:var(--faint);stroke-width:1.5}svg .cross{stroke-dasharray:5 4}svg .box{fill:var(--panel);stroke:var(--line);stroke-width:1}svg .trusted{stroke:var(--ink);stroke-width:2}
.scroll+.scroll,.picture+.scroll{margin-top:.75rem}
:focus-visible{outline:2px solid var(--ink);outline-offset:2px}
td.wide{min-width:14rem}
label{display:block;margin:.5rem 0;color:var(--faint)}
input{display:block;font:inherit;padding:.3rem .5rem;width:100%;max-width:24rem;color:var(--ink);background:var(--ground);border:1px solid var(--faint);border-radius:6px}
.script{display:none}
thead button{font:inherit;color:inherit;background:none;border:0;padding:0;cursor:pointer}
[aria-sort=ascending] button::after{content:" ↑"}[aria-sort=descending] button::after{content:" ↓"}
a{color:inherit}
@media screen and ${narrow}{svg.wide{display:none}svg.narrow{display:block}}
@media (max-width:40rem){.verdict{font-size:1.2rem}main,header,footer{padding:.75rem}}
${stackedStyle}
@media print{.script{display:none!important}.scroll{overflow:visible}body{font-size:11px}h2{break-after:avoid}tr{break-inside:avoid}}
`

/** Shows what nothing needs: the filter, which hides the rows that lack its words, and buttons that sort. */
export const pageScript = `
const filter=document.getElementById('filter')
for(const one of document.querySelectorAll('.script'))one.style.display='block'
filter.addEventListener('input',()=>{
const words=filter.value.toLowerCase().split(/\\s+/).filter(Boolean)
for(const row of document.querySelectorAll('tbody tr'))row.hidden=!words.every(word=>row.textContent.toLowerCase().includes(word))
})
const value=(row,at)=>row.cells[at].dataset.by??row.cells[at].textContent.trim().replace(/,(?=\\d{3})/g,'')
for(const head of document.querySelectorAll('thead th')){
const button=document.createElement('button')
button.append(...head.childNodes)
head.append(button)
button.addEventListener('click',()=>{
const up=head.getAttribute('aria-sort')!=='ascending'
for(const one of head.parentNode.cells)one.removeAttribute('aria-sort')
head.setAttribute('aria-sort',up?'ascending':'descending')
const body=head.closest('table').tBodies[0],at=head.cellIndex
body.append(...[...body.rows].sort((a,b)=>(up?1:-1)*value(a,at).localeCompare(value(b,at),'en',{numeric:true})))
})
}
`
