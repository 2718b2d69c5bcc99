"""The page's one stylesheet: light and dark as the reader's system says, colour-blind-safe, prints.

Grounds and inks are those of the terminal's light and dark themes, its blue and orange those of
`cb-safe`. Every line has a stroke of its own, so that none is told by colour alone. Pure.
"""

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark;
  --back: #fbfaf7; --head: #efede7; --text: #22282e; --label: #57616b; --rule: #d9d6cd;
  --blue: #1f5f9e; --orange: #a34a00; --ink: #22282e; --fault: #85560f; --heat: #1f5f9e; }
@media (prefers-color-scheme: dark) { :root {
  --back: #0f1317; --head: #171d23; --text: #c9d1d9; --label: #8b98a5; --rule: #27303a;
  --blue: #6cb4f0; --orange: #ee8a3c; --ink: #f2f5f8; --fault: #d9b36c; --heat: #6cb4f0; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1rem; background: var(--back);
  color: var(--text); font: 1rem/1.45 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: .5rem 0; }
h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; border-bottom: 1px solid var(--rule); }
h3 { font-size: 1.05rem; margin: 1.5rem 0 .25rem; }
.note, .subtitle, figcaption, summary, .axis, .lane { color: var(--label); }
.sentence { font-size: 1.15rem; padding: .75rem 1rem; background: var(--head);
  border-left: .3rem solid var(--blue); white-space: pre-line; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; min-width: 100%;
  font-size: .92rem; }
.note { margin: .25rem 0; font-size: .85rem; }
th, td { padding: .2rem .6rem; border-bottom: 1px solid var(--rule); text-align: right;
  white-space: nowrap; overflow-wrap: normal; }
td { white-space: normal; }
th:first-child, td.word { text-align: left; }
th small { display: block; font-weight: normal; color: var(--label); font-size: .8rem; }
tbody th:first-child { position: sticky; left: 0; background: var(--back); }
thead th { white-space: normal; vertical-align: bottom; border-bottom: 2px solid var(--label); }
tbody th { font-weight: normal; }
tr.winner th { font-weight: bold; }
ul.checks { list-style: none; padding: 0; }
.checks b { display: inline-block; min-width: 4.5rem; }
.failed b { color: var(--orange); text-decoration: underline; }
figure { margin: .75rem 0; break-inside: avoid; }
figcaption { display: flex; flex-wrap: wrap; gap: .1rem 1rem; font-size: .85rem; }
figcaption b { color: var(--text); }
.legend { display: inline-flex; align-items: center; gap: .35rem; }
.key { width: 24px; height: 12px; }
.plot, .lane { display: grid; grid-template-columns: 4.2rem minmax(0, 1fr); }
.plot { height: 7.5rem; margin: .6rem 0; }
.plot.high { height: 11rem; }
.plot.tall { height: 20rem; }
.plot > svg, .field > svg { width: 100%; height: 100%; overflow: visible;
  border-left: 1px solid var(--label); border-bottom: 1px solid var(--label); }
.field { position: relative; min-width: 0; }
.axis { position: relative; font-size: .75rem; }
.axis span { position: absolute; right: .4rem; transform: translateY(50%); line-height: 1; }
.tall .axis span { right: .9rem; }
.lane { font-size: .75rem; align-items: center; margin-bottom: .1rem; }
.lane > span { text-align: right; padding-right: .4rem; }
.lane > div { position: relative; height: 1.2em; }
.lane i { position: absolute; transform: translateX(-50%); font-style: normal;
  white-space: nowrap; }
.lane i.end { transform: translateX(-100%); }
.clock i { color: var(--label); }
path, rect { vector-effect: non-scaling-stroke; fill: none; stroke-width: 1.5; }
path.rule { stroke: var(--rule); stroke-width: 1; }
path.load { stroke: var(--text); }
path.need { stroke: var(--ink); stroke-dasharray: 5 3; }
path.ready { stroke: var(--blue); stroke-width: 2.5; }
path.price { stroke: var(--orange); stroke-width: 2; }
path.ask { stroke: var(--ink); stroke-dasharray: 1.5 3; }
path.cost { stroke: var(--orange); stroke-width: 2.5; }
path.heat, rect.heat { fill: var(--heat); stroke: none; }
rect.fault { fill: var(--fault); fill-opacity: .18; stroke: none; }
path.fault { stroke: var(--fault); stroke-dasharray: 2 2; }
path.interval { stroke: var(--label); }
path.leader { stroke: var(--label); stroke-width: 1; stroke-dasharray: 1 2; }
.along { margin: 0; text-align: right; font-size: .85rem; font-weight: bold; }
.dot { display: inline-flex; flex: none; align-items: center; justify-content: center;
  min-width: 1.7em; height: 1.7em; padding: 0 .2em; border-radius: 1em;
  border: 2px solid var(--label); background: var(--back); color: var(--text);
  font-style: normal; font-size: .75rem; line-height: 1; }
.dot.front { border-color: var(--blue); border-style: double; border-width: 3px; }
.point { position: absolute; display: flex; align-items: center; gap: .25rem; height: 0;
  font-size: .8rem; white-space: nowrap; transform: translateX(-.7em); }
.point.left { flex-direction: row-reverse; transform: translateX(calc(-100% + .7em)); }
.point b { background: var(--back); padding: 0 .15rem; opacity: .9; }
details { margin: .25rem 0 .25rem 4.2rem; font-size: .85rem; }
details ol, details ul { margin: .25rem 0; padding-left: 1.6rem; max-height: 16rem;
  overflow-y: auto; }
details ul { list-style: none; padding-left: 0; }
pre { background: var(--head); padding: .75rem; overflow-x: auto; font-size: .8rem;
  overflow-wrap: normal; }
@media (max-width: 56rem) { .point b { display: none; } }
@media (max-width: 40rem) {
  body { padding: .6rem; }
  .plot, .lane { grid-template-columns: 3.2rem minmax(0, 1fr); }
  details { margin-left: 0; }
  .clock i:nth-child(even):not(.end), .clock i.near { display: none; }
  th, td { padding: .2rem .35rem; font-size: .85rem; }
  tbody th { white-space: normal; min-width: 8.8rem; }
}
@media print {
  :root { --back: #fff; --head: #f3f3f3; --text: #000; --label: #333; --rule: #bbb;
    --blue: #1f5f9e; --orange: #a34a00; --ink: #000; --fault: #85560f; --heat: #1f5f9e; }
  body { max-width: none; font-size: 10pt; }
  .scroll, pre, details ol, details ul { overflow: visible; max-height: none; }
  pre { white-space: pre-wrap; }
  th, td { font-size: 8pt; padding: .1rem .3rem; }
  path, rect, .sentence { print-color-adjust: exact; }
}
"""
