namespace Gimbal.Training;

/// <summary>The control tasks that come with the library, by name.</summary>
public static class ControlTasks
{
    private static readonly Dictionary<string, Func<IEnvironment>> Makers = new(StringComparer.Ordinal)
    {
        ["Acrobot-v1"] = () => new Acrobot(),
        ["CartPole-v1"] = () => new CartPole(),
        ["CartPoleContinuous-v1"] = () => new CartPole(continuousForce: true),
        ["MountainCar-v0"] = () => new MountainCar(),
        ["MountainCarContinuous-v0"] = () => new MountainCarContinuous(),
        ["Pendulum-v1"] = () => new Pendulum(),
    };

    /// <summary>Names of the tasks, sorted.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Makers.Keys.Order(StringComparer.Ordinal)];

    /// <summary>Settings that learn a task; the rest stays the caller's to set with <c>with</c>.</summary>
    /// <exception cref="InvalidConfigException">No task has that name; names the nearest one.</exception>
    public static ControlOptions Options(string name)
    {
        _ = Maker(name);
        ControlOptions pendulum = new(), options = pendulum with { Environment = name };
        return name switch
        {
            "CartPole-v1" or "CartPoleContinuous-v1" => options with
            {
                TotalSteps = 100_000,
                StepsPerRollout = 32,
                Epochs = 20,
                Minibatches = 1,
                Gamma = 0.98f,
                Lambda = 0.8f,
            },
            "Acrobot-v1" or "MountainCar-v0" => options with
            {
                Environments = 4,
                TotalSteps = 500_000,
                StepsPerRollout = 128,
                Epochs = 4,
                Minibatches = 4,
                Gamma = 0.99f,
                ValueCoefficient = 0.5f,
                EntropyCoefficient = 0.01f,
                Optimizer = pendulum.Optimizer with { LearningRate = 2.5e-4f },
            },
            "MountainCarContinuous-v0" => options with
            {
                Environments = 4,
                TotalSteps = 100_000,
                StepsPerRollout = 1024,
                Minibatches = 16,
                Gamma = 0.999f,
                ValueCoefficient = 0.5f,
                Anneal = false,
                NormalizeObservations = true,
                NormalizeRewards = true,
                Optimizer = pendulum.Optimizer with { LearningRate = 3e-4f },
            },
            _ => options,
        };
    }

    /// <summary>A new environment.</summary>
    /// <exception cref="InvalidConfigException">No task has that name; names the nearest one.</exception>
    public static IEnvironment Create(string name) => Maker(name)();

    private static Func<IEnvironment> Maker(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return Makers.TryGetValue(name, out Func<IEnvironment>? make)
            ? make
            : throw new InvalidConfigException("control.environment", $"no task '{name}'; there are {string.Join(", ", Names)}.",
                Spelling.Nearest(name, Names));
    }
}
