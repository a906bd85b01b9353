// The report's style sheet: one set of variables, two schemes.

const LIGHT = `
  --page: #f6f5f1; --card: #ffffff; --text: #1d2126; --muted: #5f6871; --line: #dfddd5;
  --accent: #2c5f8a; --a: #2463b4; --b: #b4570a; --good: #1b7a46; --bad: #bf2c34;
  --good-soft: #e4f3ea; --bad-soft: #fbe6e5; --note-soft: #f2eee1;`;

const DARK = `
  --page: #14171a; --card: #1c2024; --text: #e6e8ea; --muted: #a0a9b2; --line: #343a41;
  --accent: #7fb2df; --a: #7fb0f5; --b: #f0a45d; --good: #58c98b; --bad: #ff7d80;
  --good-soft: #1b3528; --bad-soft: #43242a; --note-soft: #2c2a22;`;

export const STYLE = `
:root { color-scheme: light dark; ${LIGHT} }
@media (prefers-color-scheme: dark) { :root { ${DARK} } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 0 20px 64px; }
main.equal { --verdict: var(--good); --verdict-soft: var(--good-soft); }
main.different { --verdict: var(--bad); --verdict-soft: var(--bad-soft); }
code, pre, .token, .context, .where { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 0.88em; }
h1 { margin: 0; font-size: 2.3rem; line-height: 1.1; color: var(--verdict); letter-spacing: -0.02em; }
h2 { margin: 0 0 10px; font-size: 1.12rem; letter-spacing: -0.01em; }
p { margin: 0 0 10px; }
section, header { margin-top: 20px; background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 20px 22px; }
header { border-top: 5px solid var(--verdict); }
.brand { font-weight: 650; color: var(--muted); font-size: 0.86rem; letter-spacing: 0.02em; }
.brand span { font-weight: 400; }
.verdict { display: flex; gap: 18px; align-items: center; margin: 4px 0 14px; }
.mark { flex: none; width: 66px; height: 66px; border-radius: 50%; background: var(--verdict-soft); color: var(--verdict); font-size: 2.3rem; font-weight: 600; display: grid; place-items: center; }
.pair { margin: 4px 0 0; overflow-wrap: anywhere; }
.pair i { color: var(--muted); font-style: normal; margin-right: 14px; }
b.a, b.b { display: inline-block; min-width: 1.35em; padding: 0 0.3em; border-radius: 4px; text-align: center; font-weight: 650; color: var(--card); }
b.a { background: var(--a); } b.b { background: var(--b); }
.reasons { margin: 0 0 12px; padding: 0; list-style: none; font-size: 1.02rem; }
.reasons li { margin: 2px 0; overflow-wrap: anywhere; }
.evidence { margin: 0; color: var(--muted); font-size: 0.88rem; overflow-wrap: anywhere; }
.about, .key { color: var(--muted); font-size: 0.9rem; max-width: 82ch; }
.bad { color: var(--bad); }
section.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(138px, 1fr)); gap: 10px; padding: 0; background: none; border: 0; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 14px; border-top: 3px solid var(--line); }
.tile.good { border-top-color: var(--good); } .tile.bad { border-top-color: var(--bad); }
.tile p { margin: 0; } .tile .label, .tile .note { color: var(--muted); font-size: 0.8rem; line-height: 1.35; }
.tile .value { font-size: 1.32rem; font-weight: 600; font-variant-numeric: tabular-nums; white-space: nowrap; }
.tile.bad .value { color: var(--bad); }
.scroll { overflow-x: auto; }
.tall { max-height: 480px; overflow-y: auto; border: 1px solid var(--line); border-radius: 6px; }
table { border-collapse: collapse; width: 100%; font-size: 0.92rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 6px 10px; border-bottom: 1px solid var(--line); vertical-align: top; }
tbody tr:last-child > * { border-bottom: 0; }
thead th { color: var(--muted); font-weight: 550; font-size: 0.84rem; }
th[scope=row] { font-weight: 500; } .n { text-align: right; white-space: nowrap; }
.facts th[scope=row] { color: var(--muted); white-space: nowrap; width: 1%; padding-right: 24px; } .facts td { overflow-wrap: anywhere; }
.chart { overflow-x: auto; } .chart svg { width: 100%; min-width: 620px; max-width: none !important; height: auto; color: var(--muted); overflow: visible; }
.chart [aria-label="y-grid"] { stroke: var(--line); stroke-opacity: 1; }
.dot { display: inline-block; width: 10px; height: 10px; border-radius: 50%; margin: 0 4px 0 14px; border: 2px solid var(--good); }
.dot:first-child { margin-left: 0; } .dot.within { background: var(--good); } .dot.beyond { background: var(--bad); border-color: var(--bad); }
figure { margin: 0; }
figcaption { font-weight: 600; margin-bottom: 6px; }
.positions { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 470px), 1fr)); gap: 18px; }
.position { border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px; min-width: 0; overflow-x: auto; }
.context { color: var(--muted); white-space: pre-wrap; overflow-wrap: anywhere; background: var(--note-soft); border-radius: 6px; padding: 6px 9px; }
.context mark { background: none; color: var(--text); font-weight: 650; border-bottom: 2px solid var(--accent); }
.position th { text-align: center; } .position td, .position th { padding: 2px 5px; border: 0; }
.position td { white-space: nowrap; }
.token { max-width: 130px; overflow: hidden; text-overflow: ellipsis; } tr > .token:first-child { text-align: right; }
.p { color: var(--muted); font-size: 0.84rem; } .rank { text-align: center; color: var(--muted); font-size: 0.8rem; width: 1.8em; }
.bar { width: 22%; min-width: 54px; } .bar i { display: block; height: 0.82em; margin-top: 0.32em; border-radius: 2px; min-width: 1px; }
.bar.a i { background: var(--a); margin-left: auto; } .bar.b i { background: var(--b); }
.differs .token { color: var(--bad); font-weight: 600; } .differs .rank { color: var(--bad); }
.next { color: var(--good); font-weight: 700; margin-right: 0.25em; }
.tools { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; margin-bottom: 10px; } .tools[hidden] { display: none; }
input[type=search] { font: inherit; color: inherit; background: var(--page); border: 1px solid var(--line); border-radius: 6px; padding: 6px 10px; width: 260px; max-width: 100%; }
.chips { display: flex; flex-wrap: wrap; gap: 6px; }
button { font: inherit; font-size: 0.84rem; color: inherit; background: var(--page); border: 1px solid var(--line); border-radius: 999px; padding: 4px 11px; cursor: pointer; }
button[aria-pressed=true] { background: var(--accent); color: var(--card); border-color: var(--accent); }
:is(button, input, summary, .tall):focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
output { color: var(--muted); font-size: 0.86rem; }
.parameters thead th { position: sticky; top: 0; background: var(--card); box-shadow: 0 1px 0 var(--line); z-index: 1; }
.parameters th[scope=row] { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 0.8rem; overflow-wrap: anywhere; min-width: 250px; }
.parameters td { font-size: 0.84rem; } .parameters code { display: block; overflow-wrap: anywhere; color: var(--muted); } .shape, .finding, .parts { white-space: nowrap; } .parameters td:nth-child(4) { min-width: 70px; } .parameters td:nth-child(5) { min-width: 300px; }
.finding { padding: 1px 8px; border-radius: 999px; background: var(--bad-soft); color: var(--bad); font-weight: 550; }
.finding.equal { background: var(--good-soft); color: var(--good); } .finding.none, .none, .parts { color: var(--muted); } .finding.none { background: none; }
.finding.otherDtype, .finding.rounded { background: var(--note-soft); color: var(--text); }
.settings code { background: var(--bad-soft); color: var(--bad); padding: 1px 7px; border-radius: 4px; overflow-wrap: anywhere; }
.topology { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); gap: 22px; align-items: start; }
.grid { display: grid; gap: 8px; } .part { border: 1px solid var(--line); border-left: 4px solid var(--a); border-radius: 6px; padding: 8px 11px; min-width: 0; }
.part.b { border-left-color: var(--b); } .part p { margin: 0; font-size: 0.82rem; overflow-wrap: anywhere; } .part .where { font-weight: 600; font-size: 0.8rem; }
.strip { display: flex; gap: 2px; margin: 5px 0 !important; } .strip i { flex: 1; height: 11px; border-radius: 2px; border: 1px solid var(--line); max-width: 26px; }
.strip.many { gap: 0; } .strip.many i { border-width: 1px 0; border-radius: 0; min-width: 0; } .topology .wide { grid-column: 1 / -1; }
.part.a .held { background: var(--a); border-color: var(--a); } .part.b .held { background: var(--b); border-color: var(--b); }
.part .bytes { color: var(--muted); }
pre { background: var(--page); border: 1px solid var(--line); border-radius: 6px; padding: 10px 13px; margin: 0; overflow-x: auto; line-height: 1.65; }
details { margin-top: 10px; } details pre { margin-top: 8px; max-height: 220px; overflow: auto; white-space: pre-wrap; overflow-wrap: anywhere; } summary { cursor: pointer; color: var(--muted); }
@media (max-width: 560px) { main { padding: 0 10px 40px; } section, header { padding: 16px 14px; } .bar { min-width: 26px; } .position { padding: 10px 6px; } .position td { padding: 2px 3px; } }
@media print { body { background: none; } .tall { max-height: none; } .tools { display: none; } section, header { break-inside: avoid-page; } #parameters { break-inside: auto; } }
`;
