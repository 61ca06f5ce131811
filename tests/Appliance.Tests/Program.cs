using Appliance.Tests.Appliance.Cluster.Guard;

// `dotnet test` never calls this: tests start it as a process of its own, to freeze it and to kill it.
return args is ["hold-guard", .. string[] rest] ? GuardHolderProgram.Run(rest) : 2;
