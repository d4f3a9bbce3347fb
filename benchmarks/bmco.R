# The school study by the R package bmco, called as its documentation says: TABLE BURN-IN DRAWS SEED
arguments <- commandArgs(trailingOnly = TRUE)
library(bmco)
study <- read.csv(arguments[1])
study$school_id <- factor(study$school_id)
set.seed(as.integer(arguments[4]))
result <- bglmm(
  data = study, grp = "method", grp_a = "traditional", grp_b = "new_method",
  id_var = "school_id", x_var = "baseline_ability", y_vars = c("math_pass", "reading_pass"),
  x_method = "Empirical", x_def = c(-Inf, Inf),
  fixed = c("method", "baseline_ability", "method_baseline_ability"), random = c("Intercept"),
  test = "right_sided", rule = "All",
  n_burn = as.integer(arguments[2]), n_it = as.integer(arguments[3]), n_thin = 1
)
print(result)
