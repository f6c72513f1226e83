# AdamW (Loshchilov and Hutter, 2019, algorithm 2): w = (1 - lr decay) w, then Adam.
# Shapes as in adam.py.
def update_(w: List[Tensor], g: Tensor, m: Tensor, v: Tensor,
            constants: __torch__.tandem.optim.settings.Settings,
            step: __torch__.tandem.optim.step.Step, lr: float, t: int) -> None:
  torch._fused_adamw_(w, [g], [m], [v], annotate(List[Tensor], []),
                      [torch.full_like(step.norm, float(t))], lr=lr, beta1=constants.beta1,
                      beta2=constants.beta2, weight_decay=constants.decay, eps=constants.eps,
                      amsgrad=False, maximize=False, found_inf=step.found_inf)
