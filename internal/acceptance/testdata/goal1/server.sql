-- The processor time that the server has taken for this session, in clock ticks; psql runs on the server's machine.
SELECT pg_backend_pid() AS pid \gset
\setenv PID :pid
\! awk '{ print "ticks|" $14 + $15 }' /proc/$PID/stat
