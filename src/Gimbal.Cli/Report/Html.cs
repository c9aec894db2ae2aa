using System.Net;
using System.Text;

namespace Gimbal.Cli.Report;

/// <summary>Pieces of a report page. A page is one file: no script, no font, no picture from elsewhere.</summary>
internal static class Html
{
    /// <summary>Text for element content or a quoted attribute. The result is well-formed XML as well: characters that XML
    /// forbids become U+FFFD.</summary>
    public static string Escape(string text)
    {
        StringBuilder clean = new(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            char letter = text[i];
            if (char.IsHighSurrogate(letter) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
                clean.Append(letter).Append(text[++i]);
            else
                clean.Append(letter is '\t' or '\n' or '\r' or (>= ' ' and < '\uD800') or (>= '\uE000' and <= '\uFFFD') ? letter : '\uFFFD');
        }

        return WebUtility.HtmlEncode(clean.ToString());
    }

    /// <summary>The whole page.</summary>
    /// <param name="title">Title and first heading.</param>
    /// <param name="facts">Line below it.</param>
    /// <param name="body">The rest, as HTML.</param>
    public static string Page(string title, string facts, string body) => $"""
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8"/>
        <meta name="viewport" content="width=device-width, initial-scale=1"/>
        <meta name="color-scheme" content="light dark"/>
        <title>{Escape(title)}</title>
        <style>
        {ReportStyle.Text}
        </style>
        </head>
        <body>
        <header>
        <p class="brand">{Mark}gimbal</p>
        <h1>{Escape(title)}</h1>
        <p class="facts">{Escape(facts)}</p>
        </header>
        <main>
        {body}
        </main>
        </body>
        </html>

        """;

    /// <summary>A section with a heading and an introduction, which may be empty.</summary>
    public static string Section(string heading, string introduction, string content) =>
        $"<section><h2>{Escape(heading)}</h2>{(introduction.Length > 0 ? $"<p class=\"lead-in\">{Escape(introduction)}</p>" : "")}\n{content}</section>\n";

    /// <summary>A text shown as it is, folded away.</summary>
    public static string Folded(string heading, string text) =>
        $"<details><summary>{Escape(heading)}</summary><pre>{Escape(text)}</pre></details>\n";

    /// <summary>Three rings, one inside the other: a gimbal.</summary>
    private const string Mark = """<svg class="mark" viewBox="0 0 32 32" aria-hidden="true"><circle cx="16" cy="16" r="14"/><ellipse cx="16" cy="16" rx="5" ry="14" transform="rotate(28 16 16)"/><ellipse cx="16" cy="16" rx="14" ry="5" transform="rotate(28 16 16)"/><circle class="core" cx="16" cy="16" r="2.4"/></svg>""";
}
