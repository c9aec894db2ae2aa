return await Gimbal.Cli.Application.RunAsync(args).ConfigureAwait(false);
