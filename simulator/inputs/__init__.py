"""What a run starts from: settings, universe, calendar, prices, scenario files."""
