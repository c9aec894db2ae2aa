namespace Gimbal.Cli;

/// <summary>Exit codes of the command.</summary>
internal static class ExitCode
{
    /// <summary>Done.</summary>
    public const int Success = 0;

    /// <summary>The work failed: a file, a device, a diverged run, a golden case.</summary>
    public const int Failure = 1;

    /// <summary>The command line or the configuration is wrong; nothing was started.</summary>
    public const int Usage = 2;

    /// <summary>Stopped by Ctrl-C or a termination signal, a checkpoint written.</summary>
    public const int Interrupted = 130;
}
