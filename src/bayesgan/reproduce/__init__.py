"""Tables of the papers, one command each: functions of the command's flags that return the table as text."""
