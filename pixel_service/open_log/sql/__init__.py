"""What both databases share: tables and versions, subscriptions, statistics, trimming, erasing.

Statements in SQLAlchemy's language, for either database, and the bounded steps in which
they run.  Imports the values and protocols of the log; knows neither database.

Read `tables` first.
"""
