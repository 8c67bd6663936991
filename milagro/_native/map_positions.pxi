# Where the constants of a map to a curve stand.

cdef enum:                  # positions in map1_data, map2_data
    SVDW_Z = 0
    SVDW_C1 = 1
    SVDW_C2 = 2
    SVDW_C3 = 3
    SVDW_C4 = 4
    SSWU_A = 0
    SSWU_B = 1
    SSWU_Z = 2
    SSWU_POLYNOMIALS = 3    # x_num, y_num and h, lowest coefficient first
    TERMS = 16              # the most coefficients of one: 16 in G1 of BLS12-381
