using System.Text.RegularExpressions;

namespace Gimbal.Models;

/// <summary>
/// Patterns that split text into words. The three in common use are compiled with the library; their <c>'s</c> also
/// takes the long s, which other engines fold to s and .NET does not.
/// </summary>
internal static partial class SplitPatterns
{
    /// <summary>The pattern of GPT-2.</summary>
    public const string Gpt2 = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    /// <summary>The pattern of cl100k_base and Llama 3: digits by threes.</summary>
    public const string Cl100k = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>The pattern of Qwen 2: digits one by one.</summary>
    public const string Qwen2 = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    private const RegexOptions Options = RegexOptions.CultureInvariant;

    /// <summary>A compiled form of a pattern.</summary>
    /// <exception cref="ArgumentException">It is not a pattern that .NET understands.</exception>
    public static Regex Make(string pattern) => pattern switch
    {
        Gpt2 => Gpt2Regex(),
        Cl100k => Cl100kRegex(),
        Qwen2 => Qwen2Regex(),
        _ => new Regex(pattern, Options),
    };

    /// <summary>The pattern of a description <c>{"Regex": "..."}</c> or <c>{"String": "..."}</c>.</summary>
    public static Regex Make(TokenizerJson pattern)
    {
        if (pattern.Text("String") is { Length: > 0 } plain)
        {
            return new Regex(Regex.Escape(plain), Options);
        }

        string expression = pattern.Text("Regex") ?? throw pattern.Fault("has neither 'Regex' nor 'String'.");
        try
        {
            return Make(expression);
        }
        catch (ArgumentException e)
        {
            throw pattern.Fault($"holds the expression {expression}, which is not supported: {e.Message}", e);
        }
    }

    [GeneratedRegex(Gpt2, Options)]
    private static partial Regex Gpt2Regex();

    [GeneratedRegex(@"(?i:'s|'ſ|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+", Options)]
    private static partial Regex Cl100kRegex();

    [GeneratedRegex(@"(?i:'s|'ſ|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+", Options)]
    private static partial Regex Qwen2Regex();
}
