namespace Gimbal.Cli.Report;

/// <summary>The style sheet of reports. Colours of methods stay apart for readers with any common colour blindness.</summary>
internal static class ReportStyle
{
    public const string Text = """
        :root {
          --page: #fbfbf9; --card: #ffffff; --ink: #1d2126; --soft: #5d6670; --line: #e3e4e0; --good: #11734b; --bad: #b3361f;
          --sft: #6b7280; --reward: #8a6d00; --ppo: #b4501e; --dpo: #7a3fb0; --grpo: #0b69b7; --control: #98a1ab;
          --c0: #0b69b7; --c1: #b4501e; --c2: #11734b; --c3: #7a3fb0; --c4: #8a6d00;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --page: #14171a; --card: #1b1f23; --ink: #e7eaed; --soft: #9aa4ae; --line: #2c3238; --good: #5fce9b; --bad: #ff8a70;
            --sft: #aab2bb; --reward: #e0bd45; --ppo: #ff9a5c; --dpo: #c79bf2; --grpo: #62b1f5; --control: #77818c;
            --c0: #62b1f5; --c1: #ff9a5c; --c2: #5fce9b; --c3: #c79bf2; --c4: #e0bd45;
          }
        }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
        header, main { max-width: 1140px; margin: 0 auto; padding: 0 24px; }
        header { padding-top: 36px; }
        .brand { display: flex; align-items: center; gap: 9px; margin: 0 0 22px; font-weight: 600; letter-spacing: .02em; color: var(--soft); }
        .mark { width: 24px; height: 24px; fill: none; stroke: var(--grpo); stroke-width: 1.8; }
        .mark .core { fill: var(--ppo); stroke: none; }
        h1 { margin: 0; font-size: 2.1rem; line-height: 1.15; letter-spacing: -.015em; }
        h2 { margin: 0 0 6px; font-size: 1.25rem; letter-spacing: -.01em; }
        .facts { margin: 8px 0 0; color: var(--soft); }
        section { margin: 40px 0; }
        .lead-in { margin: 0 0 16px; max-width: 74ch; color: var(--soft); }
        .chart { margin: 0; padding: 16px 18px 10px; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
        .chart figcaption { margin-bottom: 8px; line-height: 1.35; }
        .chart figcaption span { display: block; color: var(--soft); font-size: .84rem; }
        .chart svg { display: block; width: 100%; height: auto; }
        .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 460px), 1fr)); gap: 18px; }
        svg text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif; fill: var(--ink); font-variant-numeric: tabular-nums; }
        svg .tick { fill: var(--soft); font-size: 11px; }
        svg .name { font-size: 14px; }
        svg .value { font-size: 14px; font-weight: 600; }
        svg .change { font-weight: 400; fill: var(--soft); }
        svg .label { font-weight: 600; }
        svg .grid { stroke: var(--line); stroke-width: 1; }
        svg .axis { stroke: var(--soft); stroke-width: 1; }
        svg .lead { stroke: var(--soft); stroke-width: .6; opacity: .6; }
        svg .start { stroke: var(--ink); stroke-width: 1.2; stroke-dasharray: 4 4; }
        svg .line { fill: none; stroke-width: 2.1; stroke-linejoin: round; stroke-linecap: round; }
        svg .dashed { stroke-dasharray: 5 4; }
        svg .shadow { fill: none; stroke-width: 1; opacity: .28; }
        svg .bar.control { opacity: .75; }
        svg .interval { stroke: var(--ink); stroke-width: 1.5; fill: none; }
        svg .dot { stroke: var(--card); stroke-width: 1; }
        .s-sft { stroke: var(--sft); } .f-sft { fill: var(--sft); } svg .t-sft { fill: var(--sft); }
        .s-reward_model { stroke: var(--reward); } .f-reward_model { fill: var(--reward); } svg .t-reward_model { fill: var(--reward); }
        .s-ppo { stroke: var(--ppo); } .f-ppo { fill: var(--ppo); } svg .t-ppo { fill: var(--ppo); }
        .s-dpo { stroke: var(--dpo); } .f-dpo { fill: var(--dpo); } svg .t-dpo { fill: var(--dpo); }
        .s-grpo { stroke: var(--grpo); } .f-grpo { fill: var(--grpo); } svg .t-grpo { fill: var(--grpo); }
        .s-more_sft { stroke: var(--control); } .f-more_sft { fill: var(--control); } svg .t-more_sft { fill: var(--soft); }
        .s-shuffled { stroke: var(--control); } .f-shuffled { fill: var(--control); } svg .t-shuffled { fill: var(--soft); }
        .s-start { stroke: var(--sft); } .f-start { fill: var(--sft); } svg .t-start { fill: var(--sft); }
        .s-c0 { stroke: var(--c0); } .f-c0 { fill: var(--c0); } svg .t-c0 { fill: var(--c0); }
        .s-c1 { stroke: var(--c1); } .f-c1 { fill: var(--c1); } svg .t-c1 { fill: var(--c1); }
        .s-c2 { stroke: var(--c2); } .f-c2 { fill: var(--c2); } svg .t-c2 { fill: var(--c2); }
        .s-c3 { stroke: var(--c3); } .f-c3 { fill: var(--c3); } svg .t-c3 { fill: var(--c3); }
        .s-c4 { stroke: var(--c4); } .f-c4 { fill: var(--c4); } svg .t-c4 { fill: var(--c4); }
        .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 14px; }
        .tile { padding: 14px 16px; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
        .tile b { display: block; font-size: 1.35rem; line-height: 1.25; letter-spacing: -.01em; font-variant-numeric: tabular-nums; }
        .tile span { color: var(--soft); font-size: .84rem; }
        .scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
        table { width: 100%; border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
        th { text-align: right; font-weight: 600; color: var(--soft); white-space: nowrap; }
        th, td { padding: 9px 12px; border-bottom: 1px solid var(--line); vertical-align: top; }
        tr:last-child td { border-bottom: 0; }
        td { text-align: right; white-space: nowrap; }
        th.text, td.text { text-align: left; }
        td small { display: block; color: var(--soft); font-size: .78rem; }
        table.dense { font-size: .82rem; } .dense th { white-space: normal; vertical-align: bottom; line-height: 1.25; }
        .dense th, .dense td { padding: 9px 7px; } .dense td.text { white-space: normal; min-width: 10.5rem; }
        .dense td.text small { padding-left: 18px; }
        td.prompt { text-align: left; font-family: ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace; white-space: pre-wrap; }
        td.answer { text-align: left; font-family: ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace; white-space: pre-wrap; min-width: 5.5rem; }
        td.story { min-width: 12rem; font: inherit; font-size: .84rem; } td.prompt.story { color: var(--soft); }
        .right { color: var(--good); } .wrong { color: var(--bad); }
        .score { display: block; color: var(--soft); font: 12px system-ui, sans-serif; }
        .key { display: inline-block; width: 10px; height: 10px; margin-right: 8px; border-radius: 3px; background: currentColor; }
        .k-sft { color: var(--sft); } .k-reward_model { color: var(--reward); } .k-ppo { color: var(--ppo); } .k-dpo { color: var(--dpo); }
        .k-grpo { color: var(--grpo); } .k-start { color: var(--sft); } .k-more_sft, .k-shuffled { color: var(--control); }
        ul.notes { margin: 0; padding-left: 1.2em; max-width: 80ch; } ul.notes li { margin: 6px 0; }
        details { margin: 12px 0; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
        summary { padding: 11px 16px; cursor: pointer; font-weight: 600; }
        pre { margin: 0; padding: 4px 16px 16px; overflow-x: auto; font: 12.5px/1.5 ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace; }
        @media (max-width: 640px) { header, main { padding: 0 14px; } h1 { font-size: 1.6rem; } }
        @media print { body { background: #fff; } section { break-inside: avoid; } }
        """;
}
