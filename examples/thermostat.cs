#:project ../src/Gimbal.Training/Gimbal.Training.csproj
#:property PublishAot=false

// An environment of your own: PPO learns to hold a room at 20 degrees. Run it with
//
//     dotnet run -c Release examples/thermostat.cs

using Gimbal.Training;

using ControlTrainer trainer = new(worker => new Thermostat(), new ControlOptions { Environments = 8, TotalSteps = 60_000 });
Evaluation before = trainer.Policy.Evaluate(() => new Thermostat(), episodes: 20, seed: 1);
await trainer.TrainAsync();
Evaluation after = trainer.Policy.Evaluate(() => new Thermostat(), episodes: 20, seed: 1);
Console.WriteLine($"return of an episode: {before.Mean:F1} before, {after.Mean:F1} after");

/// <summary>The action heats or cools by up to one degree a step; the room loses a tenth; the reward is the distance to 20.</summary>
internal sealed class Thermostat : IEnvironment
{
    private float offset;
    private int step;

    public Space Observations => Space.Box(1);

    public Space Actions => Space.Box(-1, 1, 1);

    public void Reset(ulong seed, Span<float> observation)
    {
        (offset, step) = ((float)new Random((int)seed).NextDouble() * 10 - 5, 0);
        observation[0] = offset;
    }

    public StepResult Step(ReadOnlySpan<float> action, Span<float> observation)
    {
        offset += action[0] - 0.1f;
        observation[0] = offset;
        return new StepResult(-MathF.Abs(offset), Terminated: false, Truncated: ++step == 50);
    }
}
