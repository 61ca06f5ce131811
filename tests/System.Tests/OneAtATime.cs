// Each test starts a whole laboratory: several at once on two cores would measure each other.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
