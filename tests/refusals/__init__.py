"""Every line of the server that refuses is provoked by a row here, and its page says the true reason alone."""
