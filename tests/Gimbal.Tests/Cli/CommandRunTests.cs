using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Xml.Linq;
using Gimbal.Cli.Compare;
using Gimbal.Cli.Report;
using Gimbal.Training;

namespace Gimbal.Tests.Cli;

/// <summary>Whole runs of the command as a process, with small settings.</summary>
public sealed class CommandRunTests
{
    [Fact]
    public void Compare_writes_everything_it_promises_and_only_the_summary_on_standard_output()
    {
        using TemporaryFolder temporary = new();
        string run = temporary.File("run");
        (int code, string output, string error) = CommandLineTests.Run("compare", "--quick", "--json", "--seed", "3", "--out", run);

        Assert.True(code == 0, error);
        RunSummary summary = RunSummary.FromJson(output);
        Assert.Equal(File.ReadAllText(Path.Combine(run, "summary.json")).TrimEnd(), output.TrimEnd());
        Assert.Equal(["sft", "ppo", "dpo", "grpo", "shuffled", "more_sft"], summary.Methods.Select(method => method.Name));
        Assert.Equal(("sums", 3UL, "cpu"), (summary.Task, summary.Seed, summary.Device));
        foreach (MethodSummary method in summary.Methods)
        {
            Assert.NotNull(method.Accuracy);
            Assert.Equal(0, method.MismatchBits);
            Assert.Equal(method.Name is "ppo" or "grpo" or "shuffled", method.ComparedTokens > 0);
            Assert.True(method.Seconds > 0 && method.PeakBytes > 0, method.Name);
            Assert.True(File.Exists(Path.Combine(run, method.Name, "model", "model.safetensors")), method.Name);
        }

        Assert.Contains("accuracy before", error, StringComparison.Ordinal);
        foreach (string file in (string[])["run.json", "run.yaml", "metrics.jsonl", "samples.jsonl"])
            Assert.True(new FileInfo(Path.Combine(run, file)).Length > 0, file);
        XDocument.Parse(File.ReadAllText(Path.Combine(run, "report.html")).Replace("<!DOCTYPE html>", "", StringComparison.Ordinal));

        (int again, string _, string refusal) = CommandLineTests.Run("compare", "--quick", "--out", run);
        Assert.Equal(1, again);
        Assert.Contains("--resume", refusal, StringComparison.Ordinal);
        Assert.Equal(output.TrimEnd(), File.ReadAllText(Path.Combine(run, "summary.json")).TrimEnd());

        (int resumed, string same, string _) = CommandLineTests.Run("compare", "--quick", "--json", "--resume", run);
        Assert.Equal(0, resumed);
        Assert.Equal(output, same);
    }

    [Theory]
    [InlineData("sft")]
    [InlineData("reward")]
    [InlineData("ppo")]
    [InlineData("dpo")]
    [InlineData("grpo")]
    [InlineData("control")]
    public void A_training_command_leaves_a_run_that_can_be_read(string command)
    {
        using TemporaryFolder temporary = new();
        string run = temporary.File("run");
        (int code, string output, string error) = CommandLineTests.Run(command, "--quick", "--json", "--out", run);

        Assert.True(code == 0, error);
        MethodSummary method = Assert.Single(RunSummary.FromJson(output).Methods);
        Assert.Equal(command, method.Name);
        Assert.Equal(command, RunFolder.ReadHeader(run).Command);
        RunMetrics metrics = RunMetrics.Read(Path.Combine(run, "metrics.jsonl"));
        Assert.NotEmpty(metrics.Steps);
        Assert.All(metrics.Find(MetricNames.Loss)!, loss => Assert.True(double.IsFinite(loss)));
        XDocument.Parse(File.ReadAllText(Path.Combine(run, "report.html")).Replace("<!DOCTYPE html>", "", StringComparison.Ordinal));
        Assert.NotEmpty(Directory.GetFiles(Path.Combine(run, "model")));
    }

    [Fact]
    public void A_strict_run_that_was_warned_ends_with_1_and_its_summary_says_of_what()
    {
        using TemporaryFolder temporary = new();
        string[] settings = ["grpo", "--quick", "--json", "--set", "watch.window=1", "--set", "watch.length_ratio=1.0001"];
        (int lenient, string output, string _) = CommandLineTests.Run([.. settings, "--out", temporary.File("lenient")]);
        Assert.Equal(0, lenient);
        TrainingWarning warning = Assert.Single(RunSummary.FromJson(output).Methods[0].Warnings!, warning => warning.Kind == "length_ratio");

        (int strict, string same, string error) = CommandLineTests.Run([.. settings, "--strict", "--out", temporary.File("strict")]);
        Assert.Equal(1, strict);
        Assert.Contains("length_ratio", error, StringComparison.Ordinal);
        Assert.Contains(warning, RunSummary.FromJson(same).Methods[0].Warnings!);
    }

    /// <summary>50 steps of a rollout fall into CartPole's one minibatch, not into Pendulum's 64.</summary>
    [Fact]
    public void A_control_task_brings_its_own_settings()
    {
        using TemporaryFolder temporary = new();
        string run = temporary.File("run");
        (int code, string output, string error) = CommandLineTests.Run("control", "--env", "CartPole-v1", "--json", "--out", run, "--set",
            "control.total_steps=100", "--set", "control.steps_per_rollout=25", "--set", "control.environments=2");
        Assert.True(code == 0, error);
        Assert.Equal("CartPole-v1", RunSummary.FromJson(output).Task);
        Assert.Contains("gamma: 0.98", File.ReadAllText(Path.Combine(run, "run.yaml")), StringComparison.Ordinal);

        (int refused, string _, string nearest) = CommandLineTests.Run("control", "--env", "CartPol-v1");
        Assert.Equal(2, refused);
        Assert.Contains("CartPole-v1", nearest, StringComparison.Ordinal);
    }

    [Fact]
    public void Wrong_input_ends_with_its_code_and_one_line()
    {
        using TemporaryFolder temporary = new();
        File.WriteAllText(temporary.File("data.jsonl"), "{\"prompt\": \"a\", \"completion\": \"b\"}\n{\"prompt\": \n");
        File.WriteAllText(temporary.File("prompts.jsonl"), "{\"prompt\": \"a\", \"answer\": \"b\"}\n");
        File.WriteAllText(temporary.File("bad.yaml"), "train:\n  max_step: 3\n");
        void Expect(int expected, string part, params string[] arguments)
        {
            (int code, string output, string error) = CommandLineTests.Run([.. arguments, "--out", temporary.File("run")]);
            Assert.Equal(expected, code);
            Assert.Contains(part, error, StringComparison.Ordinal);
            Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
            Assert.False(Directory.Exists(temporary.File("run")), error + output);
        }

        Expect(2, "train.max_steps", "sft", "--quick", "--config", temporary.File("bad.yaml"));
        Expect(2, "sft.completion_only", "sft", "--quick", "--set", "sft.completoin_only=true");
        Expect(2, "must be at least 2", "grpo", "--quick", "--set", "grpo.group_size=1");
        Expect(2, "model.path", "grpo", "--set", "train.data=" + temporary.File("prompts.jsonl"));
        Expect(2, "there is no folder", "grpo", "--quick", "--model", temporary.File("nowhere"));
        Expect(2, "cpu", "sft", "--quick", "--device", "abacus");
        Expect(1, "data.jsonl:2", "sft", "--set", "train.data=" + temporary.File("data.jsonl"), "--model", temporary.Path);
        Expect(1, "config.json", "sft", "--quick", "--model", temporary.Path);
    }

    [Fact]
    public async Task An_interrupt_finishes_the_step_leaves_a_checkpoint_and_the_run_goes_on_to_the_same_end()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() || OperatingSystem.IsMacOS(), "signals are sent by number");
        using TemporaryFolder temporary = new();
        string[] settings = ["sft", "--quick", "--set", "train.max_steps=3000", "--set", "eval.problems=1"];
        string run = temporary.File("run");
        using Process process = CommandLineTests.Start([], [.. settings, "--out", run]);
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        string metrics = Path.Combine(run, "metrics.jsonl");
        Assert.True(SpinWait.SpinUntil(() => process.HasExited || (File.Exists(metrics) && new FileInfo(metrics).Length > 2000), TimeSpan.FromMinutes(2)));
        Assert.Equal(0, Kill(process.Id, IsInterruptIgnored() ? Terminate : Interrupt));
        Assert.True(process.WaitForExit(TimeSpan.FromMinutes(2)));
        Assert.True(process.ExitCode == 130, await output + await error);

        string[] before = File.ReadAllLines(metrics);
        string checkpoint = Assert.Single(Directory.GetDirectories(Path.Combine(run, "checkpoints")));
        Assert.Equal($"step-{before.Length}", Path.GetFileName(checkpoint));
        Assert.False(File.Exists(Path.Combine(run, "summary.json")));

        // A run to the end would take long: go on for a few steps, and compare with a run that was never stopped.
        string steps = $"train.max_steps={before.Length + 5}";
        Assert.Equal(0, CommandLineTests.Run([.. settings[..2], "--resume", run, "--set", steps, "--set", "optimizer.schedule=constant"]).Code);
        string[] after = File.ReadAllLines(metrics);
        Assert.Equal(before.Length + 5, after.Length);
        Assert.Equal(before, after[..before.Length]);
    }

    private const int Interrupt = 2;
    private const int Terminate = 15;

    /// <summary>A shell starts background jobs with Ctrl-C ignored, and a child inherits that; the other signal does the same.</summary>
    private static bool IsInterruptIgnored()
    {
        const string Field = "SigIgn:", Status = "/proc/self/status";
        string? line = File.Exists(Status) ? File.ReadLines(Status).FirstOrDefault(text => text.StartsWith(Field, StringComparison.Ordinal)) : null;
        return line is not null && (Convert.ToUInt64(line[Field.Length..].Trim(), 16) >> (Interrupt - 1) & 1) == 1;
    }

    private static int Kill(int process, int signal) => kill(process, signal);

    [DllImport("libc", SetLastError = true)]
    private static extern int kill(int pid, int sig);
}
