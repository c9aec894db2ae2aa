using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using Gimbal.Models;
using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Cli.Commands;

/// <summary><c>gimbal generate --model DIR --prompt "..."</c>: writes tokens as they are drawn.</summary>
internal sealed class GenerateCommand : ConfiguredCommand
{
    private readonly Option<string> prompt = new("--prompt") { Description = "The text to continue.", Required = true };

    public GenerateCommand() : base("generate", "Continues a prompt, token by token.", isRun: false)
    {
        Options.Add(prompt);
        AddShortcut("--model", "model.path", "Folder of the model");
        AddDtype();
        AddShortcut("--max-new-tokens", "sampling.max_new_tokens", "Tokens to write at most");
        AddShortcut("--temperature", "sampling.temperature", "Temperature, 0 for the most likely token");
    }

    public override OptionLayers CreateLayers(bool isQuick) =>
        new OptionLayers().Add(new ModelOptions()).Add(new RunOptions()).Add(new GenerateOptions());

    protected override async Task<int> RunAsync(CommandContext context, CancellationToken cancellationToken)
    {
        GenerateOptions generation = context.Layers.Get<GenerateOptions>();
        ModelOptions options = context.Layers.Get<ModelOptions>();
        string folder = options.Path
            ?? throw new InvalidConfigException("model.path", "is needed; give the model's folder with --model.");
        string text = context.Parsed.GetValue(prompt)!;
        using Device device = context.OpenDevice();
        using LanguageModel model = LanguageModel.Load(folder, device, trainable: false, (DType)options.Dtype);
        SamplingOptions sampling = generation.Sampling with { Seed = generation.Seed };

        Stopwatch clock = Stopwatch.StartNew();
        System.Text.StringBuilder completion = new();
        int tokens = 0;
        double logprob = 0;
        TextWriter shown = context.Output.Messages;
        await shown.WriteAsync(text).ConfigureAwait(false);
        await foreach (GeneratedToken token in model.StreamAsync(text, sampling, cancellationToken).ConfigureAwait(false))
        {
            completion.Append(token.Text);
            tokens++;
            logprob += token.Logprob;
            await shown.WriteAsync(token.Text).ConfigureAwait(false);
            await shown.FlushAsync(cancellationToken).ConfigureAwait(false);
        }

        await shown.WriteLineAsync().ConfigureAwait(false);
        double seconds = clock.Elapsed.TotalSeconds;
        await Console.Error.WriteLineAsync(FormattableString.Invariant(
            $"{tokens} tokens in {seconds:0.00} s, {tokens / seconds:0} a second; mean log-probability {logprob / Math.Max(1, tokens):0.000}")).ConfigureAwait(false);
        context.Output.Summary(new JsonObject
        {
            ["schema"] = 1,
            ["prompt"] = text,
            ["completion"] = completion.ToString(),
            ["tokens"] = tokens,
            ["logprob"] = logprob,
            ["seconds"] = seconds,
        }.ToJsonString());
        return ExitCode.Success;
    }
}
