/* The look of report.html, a rule a line; html.c writes them into the page. */
#ifndef FM_REPORT_HTML_STYLE_H
#define FM_REPORT_HTML_STYLE_H

static const char *const html_style[] = {
    ":root{color-scheme:light dark;--bg:#fff;--soft:#f6f8fa;--line:#d8dee4;--ink:#1f2328;"
    "--dim:#59636e;--link:#0969da;--good:#00694d;--goodbg:#dff3ec;--bad:#a63c00;--badbg:#fdeadf;"
    "--warn:#7d4e00;--warnbg:#fff3d1;--shadow:0 1px 2px #1f23280f}",
    "@media(prefers-color-scheme:dark){:root{--bg:#0f1216;--soft:#171b21;--line:#2d333b;"
    "--ink:#e3e7ec;--dim:#98a2ad;--link:#6cb2ff;--good:#4fd0a5;--goodbg:#0f2f26;--bad:#ff9a66;"
    "--badbg:#3a2013;--warn:#f0c15c;--warnbg:#332811;--shadow:none}}",
    "*{box-sizing:border-box}",
    "html{scroll-behavior:smooth;-webkit-text-size-adjust:100%}",
    "body{margin:0;background:var(--bg);color:var(--ink);"
    "font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',sans-serif}",
    "main,header,footer{max-width:1180px;margin:0 auto;padding:0 20px}",
    "header{padding-top:36px}",
    "h1{font-size:28px;line-height:1.2;margin:0;letter-spacing:-.01em;overflow-wrap:anywhere}",
    "h2{font-size:19px;margin:44px 0 12px;letter-spacing:-.005em}",
    "h3{font-size:15px;margin:0}",
    "a{color:var(--link);text-decoration:none}a:hover{text-decoration:underline}",
    ".sub,.note,figcaption,.dim{color:var(--dim)}",
    ".sub{margin:4px 0 0}.note{font-size:13px;margin:8px 0 0}",
    ".alert{background:var(--warnbg);color:var(--warn);border-radius:8px;padding:8px 12px;"
    "margin:16px 0 0}",
    ".num,td,.chip{font-variant-numeric:tabular-nums}",
    /* tiles: the primary metric of each run */
    ".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(210px,1fr));gap:12px;"
    "margin:22px 0 0}",
    ".tile{border:1px solid var(--line);border-radius:12px;padding:14px 16px;background:var(--bg);"
    "border-top:3px solid var(--run);box-shadow:var(--shadow)}",
    ".tile b{display:block;font-size:30px;line-height:1.2;font-weight:650;letter-spacing:-.02em}",
    ".tile .who{font-weight:600;overflow-wrap:anywhere}",
    ".range{position:relative;height:6px;border-radius:3px;background:var(--soft);margin:8px 0 6px;"
    "overflow:hidden;box-shadow:inset 0 0 0 1px var(--line)}",
    ".range i{position:absolute;top:0;bottom:0;background:var(--run);opacity:.38}",
    ".range u{position:absolute;top:0;bottom:0;width:3px;margin-left:-1px;background:var(--run)}",
    /* tables */
    ".scroll{overflow-x:auto;-webkit-overflow-scrolling:touch}",
    "table{border-collapse:collapse;width:100%}",
    "th,td{text-align:left;padding:6px 12px 6px 0;border-bottom:1px solid var(--line);"
    "vertical-align:baseline}",
    "thead th{font-size:13px;color:var(--dim);font-weight:600;white-space:nowrap}",
    "tbody th{font-weight:500;white-space:nowrap}",
    ".summary td{white-space:nowrap}.summary td b{font-weight:600;display:inline-block;"
    "min-width:72px}",
    ".summary .ci,.summary .of{color:var(--dim);font-size:13px;margin-left:6px}",
    ".summary th:first-child{position:sticky;left:0;background:var(--bg)}",
    ".summary tr.primary>*,.summary tr.primary>th:first-child{background:var(--soft)}",
    ".summary tr.primary b{font-weight:700}",
    ".summary tr>:first-child{padding-left:10px}",
    ".summary tbody+tbody th,.summary tbody+tbody td{font-size:13px;color:var(--dim)}",
    ".summary tbody+tbody tr:first-child>*{padding-top:14px}",
    ".dot{display:inline-block;width:9px;height:9px;border-radius:50%;background:var(--run);"
    "margin-right:6px}",
    /* plots */
    "figure{margin:0}.plots{display:grid;gap:20px;"
    "grid-template-columns:repeat(auto-fit,minmax(320px,1fr))}",
    ".plots svg,.wide svg,.scene svg{display:block;width:100%;height:auto}",
    ".wide{max-width:860px;margin-bottom:18px;overflow-x:auto}.wide svg{min-width:520px}",
    ".why{min-width:180px}",
    ".tall{max-height:470px;overflow:auto}",
    ".tall thead th{position:sticky;top:0;background:var(--bg);box-shadow:0 1px 0 var(--line)}",
    "svg text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}",
    /* samples */
    ".legend{display:flex;flex-wrap:wrap;gap:4px 18px;font-size:13px;color:var(--dim);"
    "margin:0 0 12px}",
    ".legend i{display:inline-block;width:18px;height:4px;border-radius:2px;margin-right:6px;"
    "vertical-align:middle;box-shadow:0 0 0 1px #0006}",
    ".filter{position:absolute;opacity:0;pointer-events:none}",
    ".filter+label{display:inline-block;border:1px solid var(--line);border-radius:99px;"
    "padding:3px 13px;margin:0 6px 14px 0;font-size:13px;cursor:pointer;color:var(--dim)}",
    ".filter:checked+label{background:var(--ink);border-color:var(--ink);color:var(--bg)}",
    ".filter:focus-visible+label{outline:2px solid var(--link);outline-offset:2px}",
    "#f-pass:checked~.cards .card:not(.pass),#f-fail:checked~.cards .card:not(.fail),"
    "#f-none:checked~.cards .card:not(.none),#f-diff:checked~.cards .card:not(.diff)"
    "{display:none}",
    ".cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(340px,1fr));gap:18px;"
    "align-items:start}",
    ".card{border:1px solid var(--line);border-radius:12px;overflow:hidden;background:var(--bg);"
    "box-shadow:var(--shadow);scroll-margin-top:12px}",
    ".card:target{outline:2px solid var(--link)}",
    ".card>img,.card>.scene,.card>.nopic{display:block;width:100%;height:auto;background:#1b1f24}",
    ".card>img{aspect-ratio:4/3;object-fit:contain}",
    ".card>.nopic{aspect-ratio:4/3;display:grid;place-items:center;color:#98a2ad;font-size:13px;"
    "padding:0 20px;text-align:center}",
    ".card>.scene{border-top:1px solid var(--line)}",
    ".body{padding:12px 14px 14px}",
    ".body>h3{display:flex;flex-wrap:wrap;align-items:center;gap:6px}",
    ".body>h3 a{color:inherit;overflow-wrap:anywhere}",
    ".body p{margin:6px 0 0;overflow-wrap:anywhere}",
    ".reason{font-size:13px;color:var(--warn)}",
    ".verdicts{display:flex;flex-wrap:wrap;gap:5px;margin-top:9px;align-items:center}",
    ".verdicts .who{font-size:12px;color:var(--dim);flex-basis:100%;margin-bottom:-2px}",
    ".chip{display:inline-block;font-size:12px;line-height:1.5;border-radius:6px;padding:1px 7px;"
    "background:var(--soft);color:var(--dim);white-space:nowrap}",
    ".chip.good{background:var(--goodbg);color:var(--good)}",
    ".chip.bad{background:var(--badbg);color:var(--bad)}",
    ".chip.warn{background:var(--warnbg);color:var(--warn)}",
    ".chip.main{font-weight:650}.chip.differs{box-shadow:inset 0 0 0 1.5px currentColor}",
    "details{margin-top:9px;font-size:13px}",
    "summary{cursor:pointer;color:var(--dim)}summary:hover{color:var(--ink)}",
    "pre{background:var(--soft);border-radius:8px;padding:9px 11px;margin:6px 0 0;max-height:22em;"
    "overflow:auto;white-space:pre-wrap;overflow-wrap:anywhere;"
    "font:12px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}",
    "details th,details td{padding:3px 10px 3px 0;font-size:12.5px}",
    "details td{overflow-wrap:anywhere}",
    "footer{margin-top:56px;padding-top:18px;padding-bottom:40px;border-top:1px solid var(--line);"
    "font-size:13px;color:var(--dim)}",
    "@media(max-width:560px){main,header,footer{padding-left:14px;padding-right:14px}"
    "header{padding-top:22px}h1{font-size:23px}.cards{grid-template-columns:1fr}"
    ".plots{grid-template-columns:1fr}.tile b{font-size:25px}}",
    "@media "
    "print{.tall{max-height:none}:root{--bg:#fff;--soft:#f4f4f4;--line:#ccc;--ink:#000;--dim:#444;-"
    "-good:#00543d;"
    "--goodbg:#fff;--bad:#8a3200;--badbg:#fff;--warn:#664000;--warnbg:#fff}"
    "body{font-size:11px}.filter,.filter+label,details:not([open]){display:none}"
    ".card,.tile,figure,tr{break-inside:avoid}.cards{grid-template-columns:1fr 1fr}"
    ".card{box-shadow:none}.chip{border:1px solid currentColor}"
    "*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}",
};

#endif
