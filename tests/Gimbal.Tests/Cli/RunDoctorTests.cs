namespace Gimbal.Tests.Cli;

/// <summary><c>gimbal doctor --config</c> of runs with something wrong.</summary>
public sealed class RunDoctorTests
{
    private const string SmallModel = "task: sums\nmodel:\n  width: 16\n  layers: 1\n";

    [Fact]
    public void A_sound_run_is_ready_and_its_forecast_and_memory_are_told()
    {
        (int code, string output) = Doctor(SmallModel + "reward:\n  kind: exact\ngrpo:\n  group_size: 4\nsampling:\n  max_new_tokens: 4\n",
            "--set", "grpo.prompts_per_step=2");
        Assert.Matches("(?m)^run +grpo, ", output);
        Assert.Matches("memory plan .*key-value cache", output);

        // An untrained model of sums answers nothing right, so that every reward is 0.
        Assert.Equal(1, code);
        Assert.Contains("reward.kind: all 32 samples have the reward 0", output, StringComparison.Ordinal);
        Assert.Contains("grpo.group_size: forecast: 100% of groups have equal rewards", output, StringComparison.Ordinal);
        Assert.Contains("not ready", output, StringComparison.Ordinal);

        (int sound, string told) = Doctor(SmallModel + "sft:\n  completion_only: true\n");
        Assert.True(sound == 0, told);
        Assert.Matches("(?m)^verdict +ready", told);
    }

    [Fact]
    public void Examples_that_are_cut_are_counted_with_file_and_line()
    {
        using TemporaryFolder temporary = new();
        string data = temporary.File("data.jsonl");
        File.WriteAllText(data, "{\"prompt\": \"1+1=\", \"completion\": \"2\"}\n\n{\"prompt\": \"10+10=\", \"completion\": \"20\"}\n");
        string model = temporary.File("model");
        using (TrainerSubject subject = new())
            subject.Model().Save(model);
        (int code, string output) = Doctor($"model:\n  path: \"{model}\"\ntrain:\n  data: \"{data}\"\n  max_length: 7\nsft:\n  completion_only: true\n");
        Assert.True(code == 0, output);
        Assert.Contains($"{data}:3: 1 of 2 rows exceed train.max_length, 7 tokens (the longest has 9)", output, StringComparison.Ordinal);

        (int all, string none) = Doctor($"model:\n  path: \"{model}\"\ntrain:\n  data: \"{data}\"\n  max_length: 5\nsft:\n  completion_only: true\n");
        Assert.Equal(1, all);
        Assert.Contains("2 of 2 rows exceed", none, StringComparison.Ordinal);
    }

    [Fact]
    public void A_key_that_is_unknown_ends_with_2() => Assert.Equal(2, Doctor("sft:\n  completion: true\n").Code);

    private static (int Code, string Output) Doctor(string yaml, params string[] further)
    {
        using TemporaryFolder temporary = new();
        File.WriteAllText(temporary.File("run.yaml"), yaml);
        (int code, string output, string error) = CommandLineTests.Run(["doctor", "--config", temporary.File("run.yaml"), .. further]);
        return (code, output + error);
    }
}
