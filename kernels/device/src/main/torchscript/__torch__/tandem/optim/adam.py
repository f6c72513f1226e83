# Adam (Kingma and Ba, 2015) without decay.
#   m = beta1 m + (1 - beta1) g
#   v = beta2 v + (1 - beta2) g^2
#   w = w - lr m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps)
# w, g, m, v [n] float32, w alone in a list; w, m and v are updated. t counts the steps in which they learn from one.
# The list must come from an object: what is written to a list made here counts as unused, and the
# compiler would drop it.
def update_(w: List[Tensor], g: Tensor, m: Tensor, v: Tensor,
            constants: __torch__.tandem.optim.settings.Settings,
            step: __torch__.tandem.optim.step.Step, lr: float, t: int) -> None:
  torch._fused_adam_(w, [g], [m], [v], annotate(List[Tensor], []),
                     [torch.full_like(step.norm, float(t))], lr=lr, beta1=constants.beta1,
                     beta2=constants.beta2, weight_decay=0., eps=constants.eps, amsgrad=False,
                     maximize=False, found_inf=step.found_inf)
