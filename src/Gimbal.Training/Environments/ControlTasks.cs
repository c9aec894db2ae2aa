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

    /// <summary>A new environment.</summary>
    /// <exception cref="InvalidConfigException">No task has that name; names the nearest one.</exception>
    public static IEnvironment Create(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return Makers.TryGetValue(name, out Func<IEnvironment>? make)
            ? make()
            : throw new InvalidConfigException("control.environment", $"no task '{name}'; there are {string.Join(", ", Names)}.",
                Spelling.Nearest(name, Names));
    }
}
