using System.Text.Json;

namespace Gimbal.Models;

/// <summary>The <c>post_processor</c> of a <c>tokenizer.json</c>: what stands around a single sequence.</summary>
/// <param name="Prefix">Ids in front.</param>
/// <param name="Suffix">Ids behind.</param>
internal sealed record PostProcessor(int[] Prefix, int[] Suffix)
{
    public static PostProcessor Parse(TokenizerJson? json)
    {
        switch (json?.Type)
        {
            // ByteLevel only trims offsets, which Gimbal does not keep.
            case null or "ByteLevel":
                return new PostProcessor([], []);
            case "TemplateProcessing":
                return ParseTemplate(json);
            case "RobertaProcessing" or "BertProcessing":
                return new PostProcessor([NamedId(json, "cls")], [NamedId(json, "sep")]);
            case "Sequence":
                return json.Objects("processors").Select(Parse).Aggregate(new PostProcessor([], []),
                    (inner, outer) => new PostProcessor([.. outer.Prefix, .. inner.Prefix], [.. inner.Suffix, .. outer.Suffix]));
            default:
                throw json.Fault($"is of type '{json.Type}', which is not supported; supported are TemplateProcessing, ByteLevel, " +
                    "RobertaProcessing, BertProcessing, Sequence.");
        }
    }

    private static PostProcessor ParseTemplate(TokenizerJson json)
    {
        List<int> prefix = [], suffix = [];
        bool passed = false;
        foreach (TokenizerJson item in json.Objects("single"))
        {
            if (item.Object("Sequence") is not null)
            {
                passed = passed ? throw item.Fault("is the second sequence in a template for one.") : true;
            }
            else
            {
                TokenizerJson token = item.Object("SpecialToken") ?? throw item.Fault("is neither a Sequence nor a SpecialToken.");
                (passed ? suffix : prefix).AddRange(TemplateIds(json, token.Text("id") ?? throw token.Fault("has no 'id'.")));
            }
        }

        return passed ? new PostProcessor([.. prefix], [.. suffix]) : throw json.Fault("has no Sequence in 'single'.");
    }

    private static IEnumerable<int> TemplateIds(TokenizerJson json, string name)
    {
        TokenizerJson known = json.Object("special_tokens")?.Object(name)
            ?? throw json.Fault($"uses the token '{name}', which its 'special_tokens' lack.");
        if (known.Find("ids") is not { ValueKind: JsonValueKind.Array } ids)
        {
            throw known.Fault("has no array 'ids'.");
        }

        return ids.EnumerateArray().Select(id => id.ValueKind == JsonValueKind.Number && id.TryGetInt32(out int value)
            ? value
            : throw known.Wrong("ids", id, "integers"));
    }

    private static int NamedId(TokenizerJson json, string key) =>
        json.Find(key) is { ValueKind: JsonValueKind.Array } pair && pair.GetArrayLength() == 2 && pair[1].TryGetInt32(out int id)
            ? id
            : throw json.Fault($"has no pair [token, id] in '{key}'.");
}
