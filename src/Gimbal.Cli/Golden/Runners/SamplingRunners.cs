using Gimbal.Tensors;

namespace Gimbal.Cli.Golden.Runners;

/// <summary>Temperature, top-k, top-p and min-p, seen through draws: the engine forms no filtered distribution.</summary>
internal static class SamplingRunners
{
    private const int Draws = 4096;
    private const int StateBytes = 40; // gb_step_state, all 0: seed 0, step 0

    // A token of this probability that is missing from 4096 draws would be a fault: the chance is below 1e-17.
    private const double Likely = 0.01;

    public static readonly Dictionary<string, Action<GoldenRun>> All = new()
    {
        ["sampling_filter"] = SamplingFilter,
    };

    /// <summary>Tokens of the largest logits.</summary>
    public static int[] Greedy(GoldenRun run, Tensor logits) =>
        Draw(run, logits, new Filter(0)).Tokens;

    // Every drawn token carries its log-probability under what it was drawn from.
    private static void SamplingFilter(GoldenRun run)
    {
        Filter filter = new(1);
        foreach (System.Text.Json.JsonElement step in run.Case.List("chain"))
        {
            float value = step[1].GetSingle();
            filter = step[0].GetString() switch
            {
                "temperature" => filter with { Temperature = value },
                "top_k" => filter with { TopK = (int)value },
                "top_p" => filter with { TopP = value },
                "min_p" => filter with { MinP = value },
                "repetition_penalty" => filter with { Penalty = value },
                string other => throw new UnsupportedCaseException($"the engine has no {other}"),
                null => throw new FormatException("chain"),
            };
        }

        Tensor logits = run.Tensor("logits");
        if (filter.Penalty != 1)
        {
            Tensor penalized = run.New(logits.Shape);
            int seen = run.Input("input_ids").Width;
            Ops.RepetitionPenalty(logits, run.From(run.Input("input_ids").Ints()),
                run.From([.. Enumerable.Range(0, (int)logits.Rows + 1).Select(row => row * seen)]), penalized, filter.Penalty);
            logits = penalized;
        }

        int width = (int)logits.Width;
        float[] probabilities = new float[logits.Count], values = logits.ToArray<float>();
        double[] reference = run.Case.Outputs["probs"].Data;
        for (int row = 0; row < logits.Rows; row++)
        {
            float[] repeated = [.. Enumerable.Range(0, Draws).SelectMany(_ => values.AsSpan(row * width, width).ToArray())];
            (int[] tokens, float[] logprobs) = Draw(run, run.From(repeated, [Draws, width]), filter);
            for (int i = 0; i < Draws; i++)
                probabilities[row * width + tokens[i]] = MathF.Exp(logprobs[i]);
        }

        byte[] where = [.. probabilities.Select((p, i) => (byte)(p > 0 || reference[i] == 0 || reference[i] > Likely ? 1 : 0))];
        run.Output("probs", probabilities, where);
        run.Leave("processed_logits");
    }

    private sealed record Filter(float Temperature, int TopK = 0, float TopP = 1, float MinP = 0, float Penalty = 1);

    private static (int[] Tokens, float[] Logprobs) Draw(GoldenRun run, Tensor logits, Filter filter)
    {
        long rows = logits.Rows;
        Tensor samples = run.New([rows], DType.Int64), positions = run.New([rows], DType.Int32);
        samples.CopyFrom<long>([.. Enumerable.Range(0, (int)rows).Select(i => (long)i)]);
        Tensor tokens = run.New([rows], DType.Int32), logprob = run.New([rows]), truncated = run.New([rows]);
        Tensor state = run.New([StateBytes], DType.UInt8);
        Ops.SampleToken(logits, samples, positions, state, tokens, logprob, truncated, filter.Temperature, filter.TopK, filter.TopP,
            filter.MinP);
        return (tokens.ToArray<int>(), truncated.ToArray<float>());
    }
}
