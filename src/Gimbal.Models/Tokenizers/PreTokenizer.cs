using System.Text.RegularExpressions;

namespace Gimbal.Models;

/// <summary>A part of a text on its way to becoming one word.</summary>
internal readonly record struct Piece(string Text, int Start, int Length)
{
    public ReadOnlySpan<char> Span => Text.AsSpan(Start, Length);
}

/// <summary>The <c>pre_tokenizer</c> of a <c>tokenizer.json</c>: cuts normalized text into words, which merges never cross.</summary>
internal sealed class PreTokenizer
{
    private readonly List<Step> steps = [];

    private PreTokenizer()
    {
    }

    private delegate void Step(Piece piece, bool first, List<Piece> output);

    /// <summary>The words are bytes rather than characters to the model.</summary>
    public bool ByteLevel { get; private set; }

    public static PreTokenizer Parse(TokenizerJson? json)
    {
        PreTokenizer preTokenizer = new();
        if (json is not null)
        {
            preTokenizer.Add(json);
        }

        return preTokenizer;
    }

    /// <summary>The words of one stretch of text; <paramref name="first"/>: it is the start of the whole text.</summary>
    public List<Piece> Split(string text, bool first)
    {
        List<Piece> pieces = [new Piece(text, 0, text.Length)], next = [];
        foreach (Step step in steps)
        {
            for (int i = 0; i < pieces.Count; i++)
            {
                step(pieces[i], first && i == 0, next);
            }

            (pieces, next) = (next, pieces);
            next.Clear();
        }

        return pieces;
    }

    private void Add(TokenizerJson json)
    {
        if (ByteLevel)
        {
            throw json.Fault("comes behind ByteLevel, which must be the last step.");
        }

        switch (json.Type)
        {
            case "Sequence":
                foreach (TokenizerJson step in json.Objects("pretokenizers"))
                {
                    Add(step);
                }

                break;
            case "Split":
                TokenizerJson pattern = json.Object("pattern") ?? throw json.Fault("has no 'pattern'.");
                AddSplit(SplitPatterns.Make(pattern), ParseBehavior(json), json.Flag("invert", false));
                break;
            case "ByteLevel":
                AddByteLevel(json);
                break;
            case "Metaspace":
                AddMetaspace(json);
                break;
            case "Digits":
                AddSplit(SplitPatterns.Make(@"\p{N}"),
                    json.Flag("individual_digits", false) ? SplitBehavior.Isolated : SplitBehavior.Contiguous);
                break;
            case "Punctuation":
                AddSplit(SplitPatterns.Make(@"[\p{P}$+<=>^`|~]"), ParseBehavior(json));
                break;
            case "WhitespaceSplit":
                AddSplit(SplitPatterns.Make(@"\s"), SplitBehavior.Removed);
                break;
            case "Whitespace":
                AddSplit(SplitPatterns.Make(@"\w+|[^\w\s]+"), SplitBehavior.Removed, invert: true);
                break;
            default:
                throw json.Fault($"is of type '{json.Type}', which is not supported; supported are Split, ByteLevel, Metaspace, Digits, " +
                    "Punctuation, Whitespace, WhitespaceSplit, Sequence.");
        }
    }

    private void AddByteLevel(TokenizerJson json)
    {
        if (json.Flag("add_prefix_space", true))
        {
            steps.Add((piece, _, output) =>
                output.Add(piece.Span.StartsWith(' ') ? piece : new Piece($" {piece.Span}", 0, piece.Length + 1)));
        }

        if (json.Flag("use_regex", true))
        {
            AddSplit(SplitPatterns.Make(SplitPatterns.Gpt2), SplitBehavior.Isolated);
        }

        ByteLevel = true;
    }

    private void AddMetaspace(TokenizerJson json)
    {
        string mark = json.Text("replacement") ?? "▁";
        string scheme = json.Text("prepend_scheme") ?? (json.Flag("add_prefix_space", true) ? "always" : "never");
        steps.Add((piece, first, output) =>
        {
            string text = piece.Span.ToString().Replace(" ", mark, StringComparison.Ordinal);
            bool prepend = (scheme == "always" || (scheme == "first" && first)) && !text.StartsWith(mark, StringComparison.Ordinal);
            text = prepend ? mark + text : text;
            output.Add(new Piece(text, 0, text.Length));
        });
        if (json.Flag("split", true))
        {
            AddSplit(SplitPatterns.Make(Regex.Escape(mark)), SplitBehavior.MergedWithNext);
        }
    }

    private static SplitBehavior ParseBehavior(TokenizerJson json) =>
        Enum.TryParse(json.Text("behavior") ?? "Isolated", out SplitBehavior behavior)
            ? behavior
            : throw json.Fault($"has the unknown behavior '{json.Text("behavior")}'; known are {string.Join(", ", Enum.GetNames<SplitBehavior>())}.");

    private void AddSplit(Regex regex, SplitBehavior behavior, bool invert = false) => steps.Add((piece, _, output) =>
    {
        List<(int Start, int End)> matches = [];
        UnicodeText.FindMatches(regex, piece.Span, matches);
        Splitting splitting = new(piece, behavior, output);
        int position = 0;
        foreach ((int start, int end) in matches)
        {
            splitting.Add(position, start, invert);
            splitting.Add(start, end, !invert);
            position = end;
        }

        splitting.Add(position, piece.Length, invert);
        splitting.Finish();
    });

    private enum SplitBehavior
    {
        Isolated,
        Removed,
        Contiguous,
        MergedWithPrevious,
        MergedWithNext,
    }

    /// <summary>Turns the alternation of matches and of what lies between them into words.</summary>
    private struct Splitting(Piece piece, SplitBehavior behavior, List<Piece> output)
    {
        private int start = 0, end = 0;
        private bool pending = false, pendingIsMatch = false;

        public void Add(int start, int end, bool isMatch)
        {
            if (start == end || (isMatch && behavior == SplitBehavior.Removed))
            {
                return;
            }

            bool joins = pending && behavior switch
            {
                SplitBehavior.Contiguous => isMatch == pendingIsMatch,
                SplitBehavior.MergedWithPrevious => isMatch && !pendingIsMatch,
                SplitBehavior.MergedWithNext => !isMatch && pendingIsMatch,
                _ => false,
            };
            if (!joins)
            {
                Finish();
                this.start = start;
            }

            (this.end, pending, pendingIsMatch) = (end, true, isMatch);
        }

        public void Finish()
        {
            if (pending)
            {
                output.Add(new Piece(piece.Text, piece.Start + start, end - start));
                pending = false;
            }
        }
    }
}
