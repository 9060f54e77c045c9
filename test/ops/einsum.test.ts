import { einsum } from '../../src/ops/einsum.js'
import { checkFamily, signed, type Operand, type Sample } from './harness.js'

const sample = (equation: string, ...inputs: Operand[]): Sample => ({
  about: equation,
  inputs,
  attributes: { equation },
})

checkFamily(einsum, {
  Einsum: [
    sample('ij,jk->ik', signed(2, 3), signed(3, 4)),
    sample('bhqd,bhkd->bhqk', signed(2, 2, 3, 4), signed(2, 2, 5, 4)),
    sample('bhqk,bhkd->bqhd', signed(2, 2, 3, 5), signed(2, 2, 5, 4)),
    sample('bnd,dhk->bhnk', signed(2, 3, 4), signed(4, 2, 5)),
    sample('i,j->ij', signed(3), signed(4)),
    sample('i,i->', signed(4), signed(4)),
    sample('ij->', signed(2, 3)),
    sample('ij->ji', signed(2, 3)),
    sample('ij->i', signed(2, 3)),
    sample('ii->i', signed(3, 3)),
    sample('ii->', signed(3, 3)),
    sample('iji->j', signed(3, 2, 3)),
    sample('ij,jk', signed(2, 3), signed(3, 4)),
    sample('ba', signed(2, 3)),
    sample('...ij, ...jk -> ...ik', signed(2, 3, 4), signed(2, 4, 5)),
    sample('...ij,jk->...ik', signed(2, 2, 3, 4), signed(4, 5)),
    sample('b...d,d->b...', signed(2, 3, 4, 5), signed(5)),
    sample('i...->...', signed(2, 3, 4)),
    sample('ij,jk,kl->il', signed(2, 3), signed(3, 4), signed(4, 2)),
    sample('ij,kl->il', signed(2, 3), signed(4, 5)),
    sample('bij,bjk->bik', signed(1, 2, 3), signed(4, 3, 2)),
    shared(),
  ],
})

function shared(): Sample {
  const x = signed(3, 4)
  return { ...sample('ij,kj->ik', x, x), about: 'shared operand' }
}
