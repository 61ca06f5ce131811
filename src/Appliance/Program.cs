return await Appliance.Commands.ApplianceCommandLine.InvokeAsync(args, Console.Out, Console.Error).ConfigureAwait(false);
