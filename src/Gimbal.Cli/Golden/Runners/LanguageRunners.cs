using Gimbal.Tensors;

namespace Gimbal.Cli.Golden.Runners;

/// <summary>Log-probabilities, entropies, cross entropy, from logits and from hidden states.</summary>
internal static class LanguageRunners
{
    public static readonly Dictionary<string, Action<GoldenRun>> All = new()
    {
        ["selective_log_softmax"] = SelectiveLogSoftmax,
        ["log_probs_from_logits"] = run => FromLogits(run, "labels"),
        ["categorical_policy"] = CategoricalPolicy,
        ["entropy_from_logits"] = EntropyFromLogits,
        ["entropy_loss"] = EntropyLoss,
        ["softmax"] = Softmax,
        ["cross_entropy"] = CrossEntropy,
        ["sft_loss"] = SftLoss,
    };

    private static void SelectiveLogSoftmax(GoldenRun run)
    {
        if (run.Case.Has("K"))
            SeveralTargets(run, run.Case.Integer("K"));
        else if (run.Case.Has("lcg_seed"))
            LargeVocabulary(run);
        else
            FromLogits(run, "index");
    }

    private static void FromLogits(GoldenRun run, string targets)
    {
        Logprobs head = new(run, run.Tensor("logits"), run.Input(targets).Ints(), run.Case.Number("temperature", 1));
        run.Output("logprobs", head.Value);
        if (run.Has("grad_output.logprobs"))
            run.Gradient("logits", head.Backward(run.Vector("grad_output.logprobs")));
    }

    // Several targets of a row are several rows of the same logits.
    private static void SeveralTargets(GoldenRun run, int count)
    {
        GoldenTensor logits = run.Input("logits");
        float[] values = logits.Floats();
        float[] repeated = [.. Enumerable.Range(0, logits.Rows * count)
            .SelectMany(row => values.AsSpan(row / count * logits.Width, logits.Width).ToArray())];
        Logprobs head = new(run, run.From(repeated, [logits.Rows * count, logits.Width]), run.Input("index").Ints(), 1);
        run.Output("logprobs", head.Value);
        float[] gradient = head.Backward(run.Vector("grad_output.logprobs")).ToArray<float>();
        float[] folded = new float[values.Length];
        for (int i = 0; i < gradient.Length; i++)
            folded[i / (logits.Width * count) * logits.Width + i % logits.Width] += gradient[i];
        run.Gradient("logits", folded);
    }

    private static void LargeVocabulary(GoldenRun run)
    {
        int rows = run.Case.Integer("rows"), vocabulary = run.Case.Integer("V");
        float[] logits = new float[rows * vocabulary];
        long x = run.Case.Integer("lcg_seed");
        for (int i = 0; i < logits.Length; i++)
        {
            x = (1103515245 * x + 12345) & 0x7fffffff;
            logits[i] = (x >> 15) / 4096f - 8;
        }

        Logprobs head = new(run, run.From(logits, [rows, vocabulary]), run.Input("index").Ints(), 1);
        run.Output("logprobs", head.Value);
        run.Output("entropy", head.Entropy);
        float[] ones = [.. Enumerable.Repeat(1f, rows)];
        float[] gradient = head.Backward(run.From(ones)).ToArray<float>();
        int[] columns = run.Input("probe_columns").Ints();
        run.Output("grad_probe", [.. Enumerable.Range(0, rows).SelectMany(row => columns.Select(c => gradient[row * vocabulary + c]))]);
        run.Output("grad_abs_sum", gradient.Sum(g => Math.Abs((double)g)));
        run.Output("grad_l2", Math.Sqrt(gradient.Sum(g => (double)g * g)));
    }

    private static void CategoricalPolicy(GoldenRun run)
    {
        Tensor logits = run.Tensor("logits");
        Logprobs head = new(run, logits, run.Input("actions").Ints(), 1);
        run.Output("log_prob", head.Value);
        run.Output("entropy", head.Entropy);
        run.Gradient("logits", head.Backward(run.Vector("grad_output.log_prob"), run.Vector("grad_output.entropy")));
        run.Output("mode", [.. SamplingRunners.Greedy(run, logits).Select(token => (float)token)]);
    }

    private static void EntropyFromLogits(GoldenRun run)
    {
        Tensor logits = run.Tensor("logits");
        Logprobs head = new(run, logits, new int[logits.Rows], 1);
        // The peer gives NaN for a row with a logit of -inf; the engine gives the limit.
        byte[] where = [.. run.Case.Outputs["entropy"].Data.Select(h => (byte)(double.IsNaN(h) ? 0 : 1))];
        run.Output("entropy", head.Entropy, where);
        if (run.Has("grad_output.entropy"))
            run.Gradient("logits", head.Backward(run.New([logits.Rows]), run.Vector("grad_output.entropy")));
    }

    private static void EntropyLoss(GoldenRun run)
    {
        Tensor logits = run.Tensor("logits");
        float[] weights = Weights.TokenMean(run.Floats("response_mask"));
        Logprobs head = new(run, logits, new int[logits.Rows], 1);
        run.Output("loss", Weights.Sum(head.Entropy.ToArray<float>(), weights));
        run.Gradient("logits", head.Backward(run.New([logits.Rows]), run.From(weights)));
    }

    private static void Softmax(GoldenRun run)
    {
        Tensor x = run.Tensor("x");
        int width = (int)x.Width;
        float[] logprobs = new float[x.Count], probabilities = new float[x.Count];
        for (int column = 0; column < width; column++)
        {
            Logprobs head = new(run, x, [.. Enumerable.Repeat(column, (int)x.Rows)], 1);
            float[] value = head.Value.ToArray<float>();
            for (int row = 0; row < x.Rows; row++)
                (logprobs[row * width + column], probabilities[row * width + column]) = (value[row], MathF.Exp(value[row]));
            run.Output("logsumexp", head.LogSumExp);
        }

        run.Output("log_softmax", logprobs);
        run.Output("softmax", probabilities);
    }

    private static void CrossEntropy(GoldenRun run)
    {
        int ignore = run.Case.Integer("ignore_index", -100);
        CrossEntropyLoss(run, run.Tensor("logits"), run.Input("target").Ints(), ignore, run.Case.Number("label_smoothing", 0),
            run.Case.Text("reduction", "mean"), run.Case.Number("lse_square_scale", 0));
    }

    private static void CrossEntropyLoss(GoldenRun run, Tensor logits, int[] targets, int ignore, float smoothing, string reduction, float zLoss = 0)
    {
        Tensor ids = run.From(targets), losses = run.New([logits.Rows]), lse = run.New([logits.Rows]), dlogits = run.New(logits.Shape);
        Ops.CrossEntropy(logits, ids, losses, lse, smoothing, ignore);
        float[] kept = [.. targets.Select(target => target == ignore ? 0f : 1f)];
        float[] weights = reduction == "mean" ? Weights.TokenMean(kept)
            : reduction == "none" ? run.Floats("grad_output.losses") : kept;
        Ops.CrossEntropyBackward(logits, ids, lse, run.From(weights), dlogits, smoothing, ignore);
        if (zLoss != 0)
        {
            Tensor term = run.New([logits.Rows]), dterm = run.New(logits.Shape);
            Ops.ZLoss(lse, term, zLoss);
            run.Output("z_loss", Weights.Sum(term.ToArray<float>(), weights));
            Ops.ZLoss(lse, losses, zLoss);
            Ops.ZLossBackward(logits, lse, run.From(weights), dterm, zLoss);
            Ops.Add(dlogits, dterm, dlogits);
        }

        run.Output("losses", losses);
        run.Output("loss", kept.Sum() == 0 && reduction == "mean" ? double.NaN : Weights.Sum(losses.ToArray<float>(), weights));
        run.Gradient("logits", dlogits);
    }

    // Logits at t predict the label at t + 1. OpenRLHF's loss has the log-probabilities, a mean over tokens or of sequences.
    private static void SftLoss(GoldenRun run)
    {
        if (run.Has("per_token_logps"))
        {
            float[] mask = run.Floats("loss_mask");
            (double mean, Tensor gradient) = PreferenceRunners.Likelihood(run, run.Vector("per_token_logps"),
                run.Case.Flag("token_level_loss") ? Weights.TokenMean(mask) : Weights.SequenceMean(mask, run.Input("loss_mask").Width, skipEmpty: true));
            run.Output("loss", mean);
            run.Gradient("per_token_logps", gradient);
            return;
        }

        int[] labels = run.Input("labels").Ints();
        int steps = run.Input("labels").Width;
        int[] targets = [.. labels.Select((_, i) => (i + 1) % steps == 0 ? -100 : labels[i + 1])];
        if (run.Case.Name == "openrlhf_gptlm")
        {
            CrossEntropyLoss(run, run.Tensor("logits"), targets, -100, 0, "mean");
            return;
        }

        Logprobs head = new(run, run.Tensor("logits"), [.. targets.Select(id => id == -100 ? -1 : id)], 1);
        (double loss, Tensor dlogprob) = PreferenceRunners.Likelihood(run, head.Value,
            Weights.TokenMean([.. targets.Select(id => id == -100 ? 0f : 1f)]), power: 1);
        run.Output("loss", loss);
        run.Gradient("logits", head.Backward(dlogprob));
    }
}
