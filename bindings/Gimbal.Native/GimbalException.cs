namespace Gimbal;

/// <summary>Base of every error that Gimbal reports about its input, its files or its devices.</summary>
public class GimbalException : Exception
{
    /// <summary>An error with no message of its own.</summary>
    public GimbalException() { }

    /// <summary>An error that says what was wrong, where, what was expected and the remedy.</summary>
    public GimbalException(string message) : base(message) { }

    /// <summary>An error caused by another one.</summary>
    public GimbalException(string message, Exception? innerException) : base(message, innerException) { }
}

/// <summary>A configuration that cannot be run: names the key and, for an unknown key, the nearest known one.</summary>
/// <param name="key">Dotted key, as in <c>train.steps</c>.</param>
/// <param name="message">What is wrong with it and what would be right.</param>
/// <param name="nearest">The known key that was probably meant.</param>
public sealed class InvalidConfigException(string key, string message, string? nearest = null)
    : GimbalException(nearest is null ? $"{key}: {message}" : $"{key}: {message} Did you mean '{nearest}'?")
{
    /// <summary>The dotted key at fault.</summary>
    public string Key { get; } = key;

    /// <summary>The nearest known key, if the key is unknown.</summary>
    public string? Nearest { get; } = nearest;
}

/// <summary>A file that cannot be used: names the path and, where known, the line or the tensor.</summary>
public sealed class InvalidFileException : GimbalException
{
    /// <summary>Describes the fault of a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="message">What was found, what was expected, the remedy.</param>
    /// <param name="line">1-based line, if the file has lines.</param>
    /// <param name="tensor">Tensor, if the file has tensors.</param>
    /// <param name="innerException">The cause.</param>
    public InvalidFileException(string path, string message, int? line = null, string? tensor = null,
        Exception? innerException = null)
        : base(Describe(path, message, line, tensor), innerException) =>
        (Path, Line, Tensor) = (path, line, tensor);

    /// <summary>The file at fault.</summary>
    public string Path { get; }

    /// <summary>1-based line at fault.</summary>
    public int? Line { get; }

    /// <summary>Tensor at fault.</summary>
    public string? Tensor { get; }

    private static string Describe(string path, string message, int? line, string? tensor) =>
        path + (line is { } number ? $":{number}" : "") + (tensor is null ? "" : $": tensor '{tensor}'") + ": " + message;
}

/// <summary>A call of the engine that failed: names the op and carries the engine's status.</summary>
/// <param name="operation">The op or call.</param>
/// <param name="status">Status of the C ABI.</param>
/// <param name="message">The engine's message: argument, wanted, got.</param>
public sealed class DeviceException(string operation, int status, string message)
    : GimbalException($"{operation}: {message} [status {status}]")
{
    /// <summary>The op or call that failed.</summary>
    public string Operation { get; } = operation;

    /// <summary>Status of the C ABI (<c>gb_status</c>).</summary>
    public int Status { get; } = status;
}

/// <summary>A training run whose numbers stopped being finite; the last good checkpoint is kept.</summary>
/// <param name="step">Training step at which it was seen.</param>
/// <param name="tensor">The tensor or metric that is not finite.</param>
/// <param name="message">What to try.</param>
public sealed class TrainingDivergedException(long step, string tensor, string message)
    : GimbalException($"step {step}: {tensor} is not finite. {message}")
{
    /// <summary>Training step at which it was seen.</summary>
    public long Step { get; } = step;

    /// <summary>The tensor or metric that is not finite.</summary>
    public string Tensor { get; } = tensor;
}
