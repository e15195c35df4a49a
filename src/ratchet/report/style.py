"""The report's style sheet.

Invariants: no font, image or style is fetched; text is at least 16 px on a phone and its colours
keep a contrast of 4.5 to 1 in light and dark; nothing but a table's own box is wider than the page.
"""

from __future__ import annotations

STYLE = """\
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #1c2128; --soft: #57606a; --line: #d9dee4; --tint: #f5f7f9;
  --link: #0a58a8; --good: #0b6b47; --bad: #a8350b; --warn: #7a5200;
  --good-tint: #e9f6f0; --bad-tint: #fbeee8; --warn-tint: #fbf3df; --note-tint: #eaf2fb;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14181d; --ink: #e2e6eb; --soft: #9ba6b2; --line: #333b45; --tint: #1b2027;
    --link: #7db8f5; --good: #63cfa1; --bad: #f5946b; --warn: #e5bd63;
    --good-tint: #14291f; --bad-tint: #2f1d15; --warn-tint: #2b2413; --note-tint: #152433;
  }
}
*, *::before, *::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 1rem/1.6 ui-sans-serif, system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif;
  overflow-wrap: break-word;
}
.page { max-width: 50rem; margin: 0 auto; padding: 1.5rem 1.1rem 4rem; }
main { min-width: 0; }
header { margin-bottom: 1.75rem; }
h1, h2, h3 { line-height: 1.25; text-wrap: balance; }
h1 { margin: 0; font-size: 1.9rem; letter-spacing: -0.015em; }
h2 { margin: 2.75rem 0 0.75rem; padding-top: 1.1rem; border-top: 1px solid var(--line); font-size: 1.35rem; }
h3 { margin: 2rem 0 0.5rem; font-size: 1.08rem; }
h2, h3 { scroll-margin-top: 0.5rem; }
.subtitle { margin: 0.4rem 0 0; color: var(--soft); font-size: 1.05rem; }
p, ul, dl { margin: 0 0 1rem; }
main > p, main > ul { max-width: 42rem; }
ul { padding-left: 1.3rem; }
li { margin: 0.2rem 0; }
a { color: var(--link); text-underline-offset: 0.15em; }
code { padding: 0.08em 0.3em; border-radius: 3px; background: var(--tint);
  font: 0.88em ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -100vw; }
.skip:focus { left: 0.5rem; top: 0.5rem; padding: 0.5rem; background: var(--paper); }

.contents { margin-bottom: 2rem; padding: 0.8rem 1rem; border-radius: 6px; background: var(--tint); font-size: 0.94rem; }
.contents-title { margin: 0 0 0.3rem; color: var(--soft); font-size: 0.8rem; font-weight: 600;
  letter-spacing: 0.06em; text-transform: uppercase; }
.contents ul { margin: 0; padding: 0; list-style: none; }
.contents li { margin: 0; }
.contents .level-3 { padding-left: 1rem; }
.contents a { display: block; padding: 0.22rem 0; color: inherit; text-decoration: none; }
.contents a:hover { color: var(--link); text-decoration: underline; }

.callout { margin: 0 0 1rem; padding: 0.75rem 1rem; border-left: 4px solid var(--link); border-radius: 0 5px 5px 0;
  background: var(--note-tint); }
.callout p { margin: 0; }
.callout .kind { margin-right: 0.3em; color: var(--link); font-weight: 650; }
.callout.good { border-color: var(--good); background: var(--good-tint); }
.callout.good .kind { color: var(--good); }
.callout.bad { border-color: var(--bad); background: var(--bad-tint); }
.callout.bad .kind { color: var(--bad); }
.callout.warning { border-color: var(--warn); background: var(--warn-tint); }
.callout.warning .kind { color: var(--warn); }

.caption { margin: 1.4rem 0 0; color: var(--soft); font-size: 0.94rem; break-after: avoid; }
.caption + .scroll { margin-top: 0.4rem; }
.scroll { max-width: 100%; margin: 1.25rem 0; overflow-x: auto; -webkit-overflow-scrolling: touch; }
table { min-width: min(100%, 24rem); border-collapse: collapse; font-size: 0.94rem; line-height: 1.4; }
th, td { padding: 0.42rem 0.8rem; text-align: left; vertical-align: top; }
th:first-child, td:first-child { padding-left: 0.3rem; }
thead th { border-bottom: 1.5px solid var(--ink); font-size: 0.88rem; font-weight: 600; vertical-align: bottom; }
tbody th { font-weight: 500; }
th:first-child { position: sticky; left: 0; min-width: 4.5rem; max-width: 13rem; background: var(--paper); }
tbody tr + tr > * { border-top: 1px solid var(--line); }
tbody tr:last-child > * { border-bottom: 1.5px solid var(--ink); }
.right { text-align: right; }
.center { text-align: center; }
.numeric { white-space: nowrap; font-variant-numeric: tabular-nums; }
td.left:not(.numeric) { min-width: 6rem; max-width: 20rem; }
td.left:last-child:not(.numeric) { min-width: 9rem; }
.good { color: var(--good); }
.bad { color: var(--bad); }
.muted { color: var(--soft); }
.callout.good, .callout.bad { color: inherit; }

figure { margin: 1.5rem 0; }
figure img { display: block; width: 100%; max-width: 34rem; height: auto; border-radius: 4px; }
figcaption { max-width: 34rem; margin-top: 0.5rem; color: var(--soft); font-size: 0.92rem; }

.pairs > div { display: grid; grid-template-columns: minmax(7rem, 13rem) minmax(0, 1fr); gap: 0 1rem;
  padding: 0.35rem 0.3rem; border-bottom: 1px solid var(--line); }
.pairs dt { color: var(--soft); }
.pairs dd { margin: 0; font-variant-numeric: tabular-nums; }

@media (min-width: 70rem) {
  .page { display: grid; grid-template-columns: 14rem minmax(0, 62rem); gap: 3.5rem; max-width: 82rem; padding-top: 3rem; }
  .page.single { display: block; max-width: 50rem; }
  .contents { position: sticky; top: 2rem; align-self: start; max-height: calc(100vh - 4rem); overflow-y: auto;
    padding: 0; background: none; }
}
@media (max-width: 30rem) {
  .page { padding: 1.1rem 1rem 3rem; }
  .contents { display: none; }
  h1 { font-size: 1.55rem; }
  table { font-size: 0.9rem; }
  th, td { padding: 0.4rem 0.6rem; }
}
@media print {
  :root { --paper: #fff; --ink: #000; --soft: #444; --line: #bbb; --tint: #f4f4f4; --link: #000;
    --good: #0b6b47; --bad: #a8350b; --warn: #7a5200;
    --good-tint: #fff; --bad-tint: #fff; --warn-tint: #fff; --note-tint: #fff; }
  body { font-size: 10.5pt; }
  .page { display: block; max-width: none; padding: 0; }
  .contents, .skip { display: none; }
  .scroll { overflow: visible; }
  h2, h3 { break-after: avoid; }
  figure, .callout, tr { break-inside: avoid; }
  thead { display: table-header-group; }
}
"""
