"""Imported by Airflow's fork server: it starts the process that forks models' workers, which all tasks then share."""

from pipeline.isolation import forkers

forkers.begin()
