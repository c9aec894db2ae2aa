using System.Globalization;
using System.Text;

namespace Gimbal.Models;

/// <summary>The <c>decoder</c> of a <c>tokenizer.json</c>, worked out beforehand to the bytes that each token stands for.</summary>
/// <remarks>
/// A run of byte tokens that is no UTF-8 becomes U+FFFD by maximal subparts; Hugging Face writes one per byte there.
/// </remarks>
internal sealed class TokenText
{
    private readonly List<(string From, string To)> replacements = [];
    private bool byteLevel, byteFallback, fused;

    /// <summary>Spaces that the text loses at its start.</summary>
    public int LeadingSpaces { get; private set; }

    public static TokenText Parse(TokenizerJson root, bool byteLevelModel)
    {
        TokenText text = new();
        if (root.Object("decoder") is { } decoder)
        {
            text.Add(decoder);
        }
        else if (byteLevelModel)
        {
            text.byteLevel = true;
        }
        else
        {
            throw root.Fault("has no 'decoder'; without one the spaces between tokens are unknown.");
        }

        return text;
    }

    /// <summary>The bytes of a token of the model's own vocabulary or, with <paramref name="added"/>, of an added one.</summary>
    public byte[] BytesOf(string token, bool added)
    {
        if (byteLevel)
        {
            byte[] bytes = new byte[token.Length];
            for (int i = 0; i < token.Length && !added; i++)
            {
                int value = ByteAlphabet.ByteOf(token[i]);
                added = value < 0;
                bytes[i] = (byte)value;
            }

            return added ? Encoding.UTF8.GetBytes(token) : bytes;
        }

        if (byteFallback && !added && ByteOf(token) is { } fallback)
        {
            return [fallback];
        }

        string text = replacements.Aggregate(token, (current, pair) => current.Replace(pair.From, pair.To, StringComparison.Ordinal));
        return Encoding.UTF8.GetBytes(text);
    }

    /// <summary>The byte that a token like <c>&lt;0x0A&gt;</c> stands for.</summary>
    public static byte? ByteOf(string token) =>
        token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>' &&
        byte.TryParse(token.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte value) ? value : null;

    private void Add(TokenizerJson json)
    {
        switch (json.Type)
        {
            case "Sequence":
                foreach (TokenizerJson step in json.Objects("decoders"))
                {
                    Add(step);
                }

                break;
            case "ByteLevel":
                byteLevel = true;
                break;
            case "ByteFallback":
                byteFallback = true;
                break;
            case "Fuse":
                fused = true;
                break;
            case "Replace":
                string from = json.Object("pattern")?.Text("String") is { Length: > 0 } plain ? plain
                    : throw json.Fault("has no text 'String' in its 'pattern'.");
                replacements.Add((from, json.Text("content") ?? throw json.Fault("has no 'content'.")));
                break;
            case "Strip":
                AddStrip(json);
                break;
            case "Metaspace":
                replacements.Add((json.Text("replacement") ?? "▁", " "));
                bool never = json.Text("prepend_scheme") is { } scheme ? scheme == "never" : !json.Flag("add_prefix_space", true);
                LeadingSpaces = never ? 0 : 1;
                break;
            default:
                throw json.Fault($"is of type '{json.Type}', which is not supported; supported are ByteLevel, ByteFallback, Fuse, Replace, " +
                    "Strip, Metaspace, Sequence.");
        }
    }

    private void AddStrip(TokenizerJson json)
    {
        int stop = json.Integer("stop", 0);
        if (!fused || json.Text("content") != " " || stop != 0)
        {
            throw json.Fault("strips more than spaces from the start of the whole text (behind Fuse), which is not supported.");
        }

        LeadingSpaces = json.Integer("start", 0);
    }
}
