import type { DossierPerson } from './shapes.gen'

const words = {
  id_number: ['Số định danh cá nhân', 'Citizen number'], full_name: ['Họ và tên', 'Full name'], birth_date: ['Ngày sinh', 'Born'],
  sex: ['Giới tính', 'Sex'], nationality: ['Quốc tịch', 'Nationality'], province: ['Tỉnh, thành phố', 'Province'], commune: ['Xã, phường', 'Commune'],
  address: ['Số nhà, đường', 'Street and number'], id_issued_on: ['Ngày cấp căn cước', 'Card issued on'], id_issued_by: ['Nơi cấp căn cước', 'Card issued by'],
  id_expires_on: ['Căn cước có giá trị đến', 'Card valid until'], phone: ['Số điện thoại', 'Phone'], email: ['Thư điện tử', 'E-mail'],
} satisfies Record<keyof DossierPerson, [string, string]>

/** What the fields of a person are called. */
export const personFields: Record<string, [string, string]> = words
