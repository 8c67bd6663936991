"""Speed: what is measured, one recorded run of it beside other libraries, and what is read off that run.

operations  the measured operations of a curve        libraries  the same of the libraries from PyPI
logins      the M-Pin logins that they verify         peers      the door for an outside harness
record      measures once, writes docs/benchmarks/run.json
ratios      run.json -> the table, printed and as docs/benchmarks/index.md
plots       run.json -> the plots in docs/benchmarks
sharing     key generations and shares: measured by itself, writes docs/benchmarks/sharing.*
test_*      pytest-benchmark suites: native beside reference, and every step of the protocols
"""
