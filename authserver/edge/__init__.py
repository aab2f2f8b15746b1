"""What HTTP requests pass on their way in and out.

Light on purpose: whoever only drains or says whether it is ready imports no framework for that.
"""
